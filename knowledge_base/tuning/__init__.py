"""Fitting the embedder to the company's own content, and proof on a part of it that was held out."""
