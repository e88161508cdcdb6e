"""What a customer named (codes, order numbers, products), and reviewed answers that say it back: `{{order_id}}`.

An answer with a slot that nothing fills is not given, nor is a sentence of a passage that holds one. Only what has the
form of a code, or is a name of the company's own, ever fills a slot. Knows no knowledge base and no model.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from chatbot.messages import Observation
from chatbot.privacy.codes import find_codes
from chatbot.privacy.patterns import Pattern
from chatbot.screenshot import error_codes
from chatbot.text import split_sentences
from knowledge_base.documents import RetrievalResult, RetrievedChunk

MIN_CONFIDENCE = 0.8
_SURE = 0.99
_SLOT = re.compile(r"\{\{[^\S\n]*(\w+)[^\S\n]*\}\}")


@dataclass(frozen=True, slots=True)
class Entity:
    """Something that was named.

    Attributes:
        kind: `error_code`, `order_id`, `ticket_id`, `serial_number` or `product`: the name of its slot.
        confidence: That it is one, in [0, 1].
    """

    kind: str
    text: str
    confidence: float


def entities(
    observation: Observation, company: tuple[Pattern, ...] = (), names: Sequence[str] = ()
) -> tuple[Entity, ...]:
    """What a message names, typed and spoken words first, then what its screens show; each once.

    Args:
        company: Forms of the company's own codes, as `privacy.codes.company_patterns` has them.
        names: The company's products.
    """
    texts = (observation.said, observation.seen)
    found = (entity for text in texts for entity in _named(text, company, names))
    screens = (Entity("error_code", code, _SURE) for code in observation.error_codes)
    each: dict[tuple[str, str], Entity] = {}
    for entity in (*found, *screens):
        each.setdefault((entity.kind, entity.text), entity)
    return tuple(each.values())


def filled(result: RetrievalResult, found: Sequence[Entity]) -> RetrievalResult:
    """What was found, as it may be said to this customer: slots filled, and without what nothing fills."""
    values: dict[str, str] = {}
    for entity in found:
        if entity.confidence >= MIN_CONFIDENCE:
            values.setdefault(entity.kind, entity.text)
    answers = ((match, _filled(match.entry.answer, values)) for match in result.faq)
    passages = (_passage(chunk, values) for chunk in result.chunks)
    return replace(
        result,
        faq=tuple(
            replace(match, entry=replace(match.entry, answer=answer))
            for match, answer in answers
            if not _SLOT.search(answer)
        ),
        chunks=tuple(passage for passage in passages if passage.chunk.text.strip()),
    )


def has_slots(result: RetrievalResult) -> bool:
    """Whether anything that was found has a slot at all."""
    texts = (*(match.entry.answer for match in result.faq), *(found.whole for found in result.chunks))
    return any(_SLOT.search(text) for text in texts)


def _named(text: str, company: tuple[Pattern, ...], names: Sequence[str]) -> Iterator[Entity]:
    for code in error_codes(text.splitlines()):
        yield Entity("error_code", code, _SURE)
    for span in sorted(find_codes(text, company), key=lambda span: (-span.score, span.start)):
        yield Entity(span.entity_type.value.lower(), text[span.start : span.end], span.score)
    for name in names:
        if not any(c.isdigit() for c in name) and _stands_in(name, text):
            yield Entity("product", name, _SURE)


def _stands_in(name: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}s?(?!\w)", text, re.IGNORECASE) is not None


def _filled(text: str, values: Mapping[str, str]) -> str:
    return _SLOT.sub(lambda slot: values.get(slot[1].casefold(), slot[0]), text)


def _passage(found: RetrievedChunk, values: Mapping[str, str]) -> RetrievedChunk:
    if not _SLOT.search(found.whole):
        return found
    if not _SLOT.search(found.chunk.text):
        return replace(found, section=None)
    sentences = split_sentences([_filled(found.chunk.text, values)])
    text = "".join(sentence for sentence in sentences if not _SLOT.search(sentence))
    return replace(found, chunk=replace(found.chunk, text=text), section=None)
