"""Settings of the knowledge base; `chatbot.settings` nests them under `knowledge_base`."""

from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator


class KnowledgeBaseSettings(BaseModel):
    """How documents are cut and searched."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    chunk_tokens: int = Field(180, ge=32, le=2048)
    """Longest chunk, in the embedder's tokens, title and headings included."""
    chunk_overlap_tokens: int = Field(24, ge=0, le=512)
    """Tokens repeated between neighbouring chunks of one long section."""
    section_tokens: int = Field(540, ge=0, le=8192)
    """Longest section shown around a passage that was cut from it, in the embedder's tokens; 0: the passage alone."""
    top_k: int = Field(5, ge=1, le=50)
    """Passages retrieved for one question."""
    candidates: int = Field(120, ge=1, le=500)
    """Passages each ranking contributes before fusion."""
    rrf_k: int = Field(20, ge=1, le=1000)
    """Constant k of reciprocal rank fusion: a larger one flattens the ranks."""
    bm25_weight: float = Field(0.7, ge=0, le=10)
    """Weight of the keyword ranking in the fusion, against 1 for the embedder's; also of the ranking by words that
    stand side by side on a screenshot, less of it beside a question that says much by itself."""
    screen_dense_weight: float = Field(0.23, ge=0, le=10)
    """Weight of the embedder's ranking and of codes for a screenshot without a question, instead of 1: of many words
    on a screen few matter, and which, their rarity tells better."""
    reranker: str = ""
    """Cross-encoder that looks again at the best passages: local folder or hub id (sentence-transformers format, one
    label); none when unset. It runs in torch and costs memory and, for each question, time."""
    reranker_candidates: int = Field(20, ge=1, le=200)
    """Passages that the reranker looks at; the others keep their order after these."""
    images: bool = True
    """Keep the images beside Markdown and HTML documents, of websites' pages and inside of PDF, Word, PowerPoint and
    EPUB files, and find them by screenshots; costs a second or two for each image once."""
    image_weight: float = Field(3.0, ge=0, le=20)
    """Weight in the fusion of the images that surely show the same screen as a screenshot, against 1 for the embedder's
    ranking."""
    image_like_weight: float = Field(1.5, ge=0, le=20)
    """Weight of the images that are only like a screenshot which comes without a question, instead of 1."""
    chroma_url: str = ""
    """Address of a Chroma server, such as `http://chroma:8000`, that several processes share; Chroma in the data folder
    when unset."""
    max_document_bytes: int = Field(50_000_000, ge=1_000)
    """Largest document or archive taken in, in bytes."""
    max_pages: int = Field(10_000, ge=1)
    """Most pages of a PDF, and most slides of a presentation."""
    max_document_images: int = Field(500, ge=0)
    """Most images kept of one document, page or file."""
    max_archive_files: int = Field(20_000, ge=1)
    """Most files of one ZIP."""
    max_archive_bytes: int = Field(1_000_000_000, ge=1_000)
    """Largest ZIP, unpacked, in bytes; also for Word, Excel, PowerPoint and EPUB files, which are ZIPs."""
    parse_timeout_s: float = Field(300.0, gt=0)
    """Longest time that reading one file may take."""
    parse_memory_bytes: int = Field(2_000_000_000, ge=200_000_000)
    """Most memory that reading one file may take."""
    max_site_pages: int = Field(5_000, ge=1)
    """Most pages of one website."""
    crawl_delay_s: float = Field(0.2, ge=0)
    """Pause between two requests to a website; its robots.txt may ask for a longer one."""
    fetch_timeout_s: float = Field(20.0, gt=0)
    """Longest time to wait for a website."""
    allow_private_addresses: bool = False
    """Read websites on private addresses too, such as an intranet's; otherwise they are refused."""

    @field_validator("chroma_url")
    @classmethod
    def _is_an_address(cls, chroma_url: str) -> str:
        parts = urlsplit(chroma_url)
        if chroma_url and (parts.scheme not in ("http", "https") or not parts.hostname):
            raise ValueError("must be an address like `http://chroma:8000`")
        return chroma_url
