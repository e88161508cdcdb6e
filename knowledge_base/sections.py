"""From a passage back to the section that it was cut from. Pure; knows no index.

Small passages are found better, whole sections are read better (small-to-big retrieval).
"""

from collections.abc import Callable, Sequence

from knowledge_base.documents import Chunk, Section


def section_around(
    chunks: Sequence[Chunk], place: int, text: str, count_tokens: Callable[[str], int], max_tokens: int
) -> Section | None:
    """The passage with those before and after it under the same headings, the next one first, as far as they fit.

    Args:
        chunks: Passages in reading order, those of one document together.
        text: The document's text, which their offsets point into.
        max_tokens: Longest section, headings not counted.

    Returns:
        A slice of the text; None where the passage is the whole section, or nothing fits beside it.
    """
    if not any(_is_beside(chunks, beside, place) for beside in (place - 1, place + 1)):
        return None  # most are whole, and counting takes longer than the search
    first = last = place
    room = max_tokens - count_tokens(chunks[place].text)
    directions = [1, -1]
    while directions:
        direction = directions.pop(0)
        beside = last + 1 if direction > 0 else first - 1
        if not _is_beside(chunks, beside, place):
            continue
        tokens = count_tokens(chunks[beside].text)
        if tokens <= room:
            room -= tokens
            first, last = min(first, beside), max(last, beside)
            directions.append(direction)
    if first == last:
        return None
    start, end = chunks[first].start, chunks[last].end
    return Section(text[start:end], start, end)


def _is_beside(chunks: Sequence[Chunk], place: int, matched: int) -> bool:
    if not 0 <= place < len(chunks):
        return False
    one, other = chunks[place], chunks[matched]
    return one.document_id == other.document_id and one.heading_path == other.heading_path
