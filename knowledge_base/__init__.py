"""Documents in, ranked passages out. Knows nothing of conversations or language models."""
