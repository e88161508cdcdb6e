"""Training examples: made from conversations, from the knowledge base and from topics; kept in a folder."""

from finetune.dataset.example import Example
from finetune.dataset.store import Dataset

__all__ = ["Dataset", "Example"]
