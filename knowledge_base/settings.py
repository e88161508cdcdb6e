"""Settings of the knowledge base; `chatbot.settings` nests them under `knowledge_base`."""

from pydantic import BaseModel, ConfigDict, Field


class KnowledgeBaseSettings(BaseModel):
    """How documents are cut and searched."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    chunk_tokens: int = Field(180, ge=32, le=2048)
    """Longest chunk, in the embedder's tokens, title and headings included."""
    chunk_overlap_tokens: int = Field(24, ge=0, le=512)
    """Tokens repeated between neighbouring chunks of one long section."""
    top_k: int = Field(5, ge=1, le=50)
    """Passages retrieved for one question."""
    candidates: int = Field(120, ge=1, le=500)
    """Passages each ranking contributes before fusion."""
    rrf_k: int = Field(20, ge=1, le=1000)
    """Constant k of reciprocal rank fusion: a larger one flattens the ranks."""
    bm25_weight: float = Field(0.7, ge=0, le=10)
    """Weight of the keyword ranking in the fusion, against 1 for the embedder's."""
    max_document_bytes: int = Field(20_000_000, ge=1_000)
    """Largest document taken in, in bytes."""
