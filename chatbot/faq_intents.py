"""How likely a FAQ entry is what is asked for, learnt from the phrasings of all entries as they are now."""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from chatbot.intents import LIKELIER_THAN_NOT, IntentModel
from knowledge_base.documents import RetrievalResult
from knowledge_base.embed_backends import Vectors
from knowledge_base.retrieve import Snapshot
from knowledge_base.text import is_east_asian

log = logging.getLogger(__name__)
MIN_INTENTS = 2
MAX_PHRASINGS = 6_000
"""With more, learning takes hundreds of megabytes; then similarity alone counts."""


class KnowsFaq(Protocol):
    """What is needed of `knowledge_base.base.KnowledgeBase`."""

    def snapshot(self) -> Snapshot:
        """What a search sees now."""
        ...

    def vector_of(self, question: str) -> Vectors | None:
        """The vector of a question, None where the embedder does not know its script."""
        ...


@dataclass(frozen=True, slots=True)
class _Fitted:
    phrasings: Sequence[tuple[str, str]]
    model: IntentModel | None


class FaqIntents:
    """Learns in the background, at first and whenever the phrasings have changed; until then nothing is judged.

    Safe to use from several threads.
    """

    def __init__(self, knowledge_base: KnowsFaq) -> None:
        self._knowledge_base = knowledge_base
        self._lock = threading.Lock()
        self._fitted: _Fitted | None = None
        self._fitting: threading.Thread | None = None
        self.refresh()

    def judged(self, question: str, result: RetrievalResult) -> RetrievalResult:
        """The result with the FAQ entry that is likeliest asked for in front, and how likely it and the next ones are.

        Unchanged where nothing has been learnt yet, the embedder does not know the question's script, or search has
        ruled the entry out, such as one about another error code.
        """
        model = self._current()
        vector = self._knowledge_base.vector_of(question) if model and result.faq else None
        if model is None or vector is None:
            return result
        likely = {g.label: g.probability for g in model.shortlists([question], vector[None, :])[0]}
        faq = [replace(match, probability=likely.get(match.entry.id)) for match in result.faq]
        top, probability = next(iter(likely.items()))
        if all(match.entry.id != top for match in faq):
            return result
        if probability >= LIKELIER_THAN_NOT:  # else the nearest phrasing stays in front
            faq.sort(key=lambda match: match.entry.id != top)
        return replace(result, faq=tuple(faq))

    def refresh(self) -> threading.Thread | None:
        """Begins to learn when the phrasings have changed; the thread that does, for who wants to wait."""
        snapshot = self._knowledge_base.snapshot()
        with self._lock:
            if self._fitting and self._fitting.is_alive():
                return self._fitting
            if (
                self._fitted and self._fitted.phrasings == snapshot.phrasings
            ):  # not one object: articles come too
                return None
            self._fitting = threading.Thread(
                target=self._fit, args=(snapshot,), name="learn-intents", daemon=True
            )
            self._fitting.start()
            return self._fitting

    def wait(self) -> None:
        """Returns once everything is learnt: for measurements, in which the first turn is to be like the last."""
        if learning := self.refresh():
            learning.join()

    def _current(self) -> IntentModel | None:
        """The model of the phrasings as they are now, None while it is being learnt."""
        fitted = self._fitted
        if fitted and fitted.phrasings == self._knowledge_base.snapshot().phrasings:
            return fitted.model
        self.refresh()
        return None

    def _fit(self, snapshot: Snapshot) -> None:
        rows = [
            i
            for i, (entry_id, _) in enumerate(snapshot.phrasings)
            if not is_east_asian(snapshot.faq[entry_id].language)
        ]
        labels = [snapshot.phrasings[i][0] for i in rows]
        model = None
        if len(rows) > MAX_PHRASINGS:
            log.warning("%d phrasings are too many to learn from, at most %d", len(rows), MAX_PHRASINGS)
        elif len(set(labels)) >= MIN_INTENTS:
            texts = [snapshot.phrasings[i][1] for i in rows]
            try:
                model = IntentModel(texts, labels, snapshot.phrasing_vectors[rows])
            except (ValueError, ArithmeticError, MemoryError):
                log.exception("intents could not be learnt from %d phrasings", len(rows))
        self._fitted = _Fitted(snapshot.phrasings, model)
