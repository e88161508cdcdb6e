"""Which format a file has: by its content where that tells, by its name among the formats of plain text."""

import zipfile
from io import BytesIO
from pathlib import PurePosixPath

from knowledge_base.archives import ZIP_ERRORS
from knowledge_base.errors import DocumentError

MARKDOWN_SUFFIXES = frozenset({".md", ".markdown", ".mdown"})
HTML_SUFFIXES = frozenset({".html", ".htm", ".xhtml"})
TABLE_SUFFIXES = frozenset({".csv", ".tsv"})
JSONL_SUFFIXES = frozenset({".jsonl", ".ndjson"})
TEXT_SUFFIXES = MARKDOWN_SUFFIXES | HTML_SUFFIXES | TABLE_SUFFIXES | JSONL_SUFFIXES | {".txt", ".json"}
BINARY_SUFFIXES = frozenset({".pdf", ".docx", ".pptx", ".xlsx", ".epub", ".zip"})
SUFFIXES = TEXT_SUFFIXES | BINARY_SUFFIXES
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PDF_HEADER_BYTES = 1024
_OFFICE_PARTS = {"word/document.xml": "docx", "ppt/presentation.xml": "pptx", "xl/workbook.xml": "xlsx"}


def binary_format(data: bytes, name: str) -> str:
    """`pdf`, `docx`, `pptx`, `xlsx`, `epub` or `zip`, whatever the file is called.

    Raises:
        DocumentError: It is empty, damaged, an Office file of the old kind or with a password, or none of these.
    """
    suffix = PurePosixPath(name).suffix.lower()
    if not data:
        raise DocumentError(f"{name} is empty.")
    if b"%PDF-" in data[:_PDF_HEADER_BYTES]:
        return "pdf"
    if data.startswith(_OLE):
        raise DocumentError(
            f"{name} is protected by a password, or an Office file of the kind before 2007.",
            f"Save it without a password as {suffix.removeprefix('.').upper()}.",
        )
    if not data.startswith(b"PK"):
        raise DocumentError(f"{name} is no {suffix.removeprefix('.').upper()} file.", "Export it again.")
    return _zip_format(data, name)


def _zip_format(data: bytes, name: str) -> str:
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            names = frozenset(archive.namelist())
    except ZIP_ERRORS as error:
        raise DocumentError(f"{name} is damaged.", "Export or pack it again.") from error
    for part, kind in _OFFICE_PARTS.items():
        if part in names:
            return kind
    return "epub" if "META-INF/container.xml" in names else "zip"
