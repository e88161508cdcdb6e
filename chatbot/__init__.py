"""One customer turn, top to bottom: intake, perception, policy, generation, citations, storage, pages."""
