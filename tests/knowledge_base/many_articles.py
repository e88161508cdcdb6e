"""A help centre that takes several writes, and what is stored of it, to be compared."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from knowledge_base.items import Item


def many_articles(folder: Path) -> Path:
    """Enough passages for three writes, and a FAQ."""
    folder.mkdir()
    for number in range(24):
        sections = (f"## Part {part}\n\nPart {part} of device {number} blinks.\n" for part in range(24))
        (folder / f"device-{number}.md").write_text(f"# Device {number}\n\n" + "\n".join(sections))
    rows = (f"Does device {number} blink?,Yes, device {number} does.\n" for number in range(9))
    (folder / "faq.csv").write_text("question,answer\n" + "".join(row.replace(", d", " d") for row in rows))
    return folder


def stored(items: Sequence[Item]) -> list[tuple[object, ...]]:
    return [
        (item.record, item.revision, item.chunks, item.phrasings, item.provenance, vectors_of(item))
        for item in items
    ]


def vectors_of(item: Item) -> list[list[float]]:
    return np.round(np.concatenate([item.chunk_vectors, item.phrasing_vectors]), 5).tolist()
