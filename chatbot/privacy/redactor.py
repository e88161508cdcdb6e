"""Finds personal data in a text or a whole conversation and puts typed placeholders in its place.

It knows nothing of files, training and customers: text in, places of personal data or masked text out.
"""

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import accumulate
from pathlib import Path

from chatbot.models import ModelStore, Progress, Purpose
from chatbot.privacy.addresses import find_addresses
from chatbot.privacy.answers import find_answers
from chatbot.privacy.chinese import find_chinese
from chatbot.privacy.codes import company_patterns, find_codes
from chatbot.privacy.cues import find_introduced
from chatbot.privacy.dates import find_dates
from chatbot.privacy.lexicon import is_english
from chatbot.privacy.numbers import find_numbers
from chatbot.privacy.persons import find_listed, find_persons
from chatbot.privacy.presidio import MODEL, Analysis, PresidioEngine
from chatbot.privacy.rules import PrivacyRules, rules_from_settings
from chatbot.privacy.spans import Masked, PiiSpan, PiiType, mask_spans, trimmed, without_overlaps
from chatbot.privacy.tokens import Token, tokenize
from chatbot.settings import Settings
from chatbot.text import is_chinese

log = logging.getLogger(__name__)
_HAN = re.compile(r"[\u3400-\u9fff]")
_PLACEHOLDER = re.compile(r"<[A-Z_]{3,20}>")


class Redactor:
    """Safe to share between threads; the language model is loaded at the first text that needs it.

    Args:
        rules: The company's codes, its allow list and a reviewer's terms.
        model: Gives the folder of the spaCy pipeline. Without it only patterns and phrases are used, which is quick
            and enough for log lines and webhooks, but misses names that nothing introduces.
    """

    def __init__(self, rules: PrivacyRules | None = None, model: Callable[[], Path] | None = None) -> None:
        self.rules = rules or PrivacyRules()
        self._engine = PresidioEngine(model) if model else None
        self._company = company_patterns(self.rules)
        self._kept = _alternatives(self.rules.allowed, self.rules.kept)
        denied = ((_alternatives((term,)), kind) for term, kind in (self.rules.denied or {}).items())
        self._denied = [(pattern, kind) for pattern, kind in denied if pattern]

    def detect(self, text: str, language: str = "") -> tuple[PiiSpan, ...]:
        """The personal data of one text, in reading order, without overlaps.

        Args:
            language: `zh` to use no English model, `en` to use it in any case; empty to go by the letters.

        Raises:
            ModelError: The language model is needed and cannot be had.
        """
        return self.detect_turns([text], language)[0]

    def detect_turns(self, turns: Sequence[str], language: str = "") -> list[tuple[PiiSpan, ...]]:
        """The personal data of each turn of one conversation.

        Turns are read together: an answer is understood by the question before it, and a name that was found once is
        found wherever it stands.
        """
        return self.detect_conversations([turns], language)[0]

    def detect_conversations(
        self, conversations: Sequence[Sequence[str]], language: str = ""
    ) -> list[list[tuple[PiiSpan, ...]]]:
        """`detect_turns` for many conversations, with the model's work done in batches."""
        needed = [t for turns in conversations for t in turns if self._needs_model(t, language)]
        analyses = (
            dict(zip(needed, self._engine.analyze(needed), strict=True)) if self._engine and needed else {}
        )
        return [self._detect_joined(turns, analyses) for turns in conversations]

    def mask(self, text: str, language: str = "") -> Masked:
        """The text with a typed placeholder for each piece of personal data, and their counts."""
        return mask_spans(text, self.detect(text, language))

    def mask_turns(self, turns: Sequence[str], language: str = "") -> list[Masked]:
        """`mask` for each turn of one conversation."""
        return self.mask_conversations([turns], language)[0]

    def mask_conversations(
        self, conversations: Sequence[Sequence[str]], language: str = ""
    ) -> list[list[Masked]]:
        """`mask_turns` for many conversations, with the model's work done in batches."""
        found = self.detect_conversations(conversations, language)
        return [
            [mask_spans(t, s) for t, s in zip(turns, spans, strict=True)]
            for turns, spans in zip(conversations, found, strict=True)
        ]

    @property
    def has_model(self) -> bool:
        """Whether names are found by the language model and not by patterns and phrases alone."""
        return self._engine is not None

    def _needs_model(self, text: str, language: str) -> bool:
        if not self._engine or not text.strip() or language == "zh":
            return False
        return language == "en" or not is_chinese(text)

    def _detect_joined(
        self, turns: Sequence[str], analyses: Mapping[str, Analysis]
    ) -> list[tuple[PiiSpan, ...]]:
        """The turns as one text, one a line, so that what spans of it mean can come from the turn before."""
        text = "\n".join(turns)
        starts = [0, *accumulate(len(turn) + 1 for turn in turns)][: len(turns)]
        found = list(self._by_form(text))
        tagged: list[Token] = []
        for start, turn in zip(starts, turns, strict=True):
            analysis = analyses.get(turn, Analysis())
            tokens = tokenize(turn, analysis.words)
            found += [_moved(s, start) for s in (*analysis.spans, *_by_wording(turn, tokens))]
            if analysis.words and is_english([t.lower for t in tokens if t.is_word]):
                tagged += [t.moved(start, tagged[-1].line + 1 if tagged else 0) for t in tokens]
            else:
                found += [_moved(s, start) for s in find_listed(tokens)]
        spans = self._final(text, [*found, *find_persons(tagged)])
        return [
            tuple(_within(spans, start, start + len(turn))) for start, turn in zip(starts, turns, strict=True)
        ]

    def _by_form(self, text: str) -> Iterator[PiiSpan]:
        """What is found across turns, because a question may give the meaning of the answer after it."""
        yield from find_numbers(text)
        yield from find_codes(text, self._company)
        yield from find_dates(text)
        yield from find_answers(text)
        if _HAN.search(text):
            yield from find_chinese(text)

    def _final(self, text: str, found: Sequence[PiiSpan]) -> tuple[PiiSpan, ...]:
        """What is left when the allow list has its say; a reviewer's own terms are masked whatever it says."""
        kept = [m.span() for m in self._kept.finditer(text)] if self._kept else []
        kept += [m.span() for m in _PLACEHOLDER.finditer(text)]
        left = [span for span in found if not any(a <= span.start and span.end <= b for a, b in kept)]
        spans = (trimmed(text, piece) for span in left for piece in _by_line(text, span))
        return without_overlaps([*(s for s in spans if s), *self._denied_in(text)])

    def _denied_in(self, text: str) -> Iterator[PiiSpan]:
        for pattern, kind in self._denied:
            for match in pattern.finditer(text):
                yield PiiSpan(kind, match.start(), match.end(), 1.0)


def _by_wording(turn: str, tokens: Sequence[Token]) -> Iterator[PiiSpan]:
    """What is found within one turn."""
    yield from find_addresses(turn, tokens)
    yield from find_introduced(turn)


def _by_line(text: str, span: PiiSpan) -> Iterator[PiiSpan]:
    """Only an address may go over several lines."""
    if span.entity_type is PiiType.ADDRESS or "\n" not in text[span.start : span.end]:
        yield span
        return
    for line in re.finditer(r"[^\n]+", text[span.start : span.end]):
        yield PiiSpan(span.entity_type, span.start + line.start(), span.start + line.end(), span.score)


def _alternatives(terms: Sequence[str], patterns: Sequence[str] = ()) -> re.Pattern[str] | None:
    """One pattern for whole words of any of the terms, ignoring case, or any of the case-sensitive patterns."""
    escaped = [re.escape(term.strip()) for term in sorted(terms, key=len, reverse=True) if term.strip()]
    bounded = [rf"(?i:{_edge(t[:1], before=True)}{t}{_edge(t[-1:], before=False)})" for t in escaped]
    return re.compile("|".join([*bounded, *patterns])) if bounded or patterns else None


def _edge(character: str, *, before: bool) -> str:
    if not character.isalnum() or _HAN.match(character):
        return ""
    return r"(?<!\w)" if before else r"(?!\w)"


def _moved(span: PiiSpan, by: int) -> PiiSpan:
    return PiiSpan(span.entity_type, span.start + by, span.end + by, span.score)


def _within(spans: Sequence[PiiSpan], start: int, end: int) -> Iterator[PiiSpan]:
    """The parts of spans that lie between two places, counted from the first."""
    for span in spans:
        if span.start < end and span.end > start:
            yield PiiSpan(
                span.entity_type, max(span.start, start) - start, min(span.end, end) - start, span.score
            )


def redactor_from_settings(
    settings: Settings, rules: PrivacyRules | None = None, progress: Progress | None = None
) -> Redactor:
    """A redactor with the catalogue's English model, which is fetched when the first English text comes.

    Args:
        rules: Instead of those that the settings name.
        progress: Called with the model's name and the bytes so far and in all while it is fetched.
    """
    store = ModelStore(settings.models_path, offline=settings.offline)
    resolve = partial(store.resolve, MODEL, Purpose.ENTITIES)
    return Redactor(
        rules or rules_from_settings(settings), partial(resolve, progress) if progress else resolve
    )


def pattern_redactor(rules: PrivacyRules | None = None) -> Redactor:
    """A redactor without a language model: for log lines, webhooks and calls that must not wait."""
    return Redactor(rules)


def redactor_at_hand(settings: Settings) -> Redactor:
    """The full redactor where its model is here already, else patterns: nothing is fetched while somebody waits."""
    present = {state.model.name for state in ModelStore(settings.models_path).states() if state.is_present}
    if MODEL in present:
        return redactor_from_settings(settings)
    log.warning(
        "names that nothing introduces are not found on pictures: run `frontdesk models fetch %s`", MODEL
    )
    return pattern_redactor(rules_from_settings(settings))
