"""Presidio with the English spaCy model: tags and names for our rules, identity numbers of many countries.

It knows nothing of companies, conversations and placeholders. Loading takes seconds, so it happens at the first text.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatbot.errors import ModelError
from chatbot.privacy.spans import PiiSpan, PiiType
from chatbot.privacy.tokens import Tagged

MODEL = "spacy-en-core-web-md"
_UNUSED_PIPES = ("parser", "lemmatizer", "senter", "attribute_ruler")
_THRESHOLD = 0.6
_MOST_SURE = 0.7  # a check digit fits one number in ten by chance: our own rules for orders and accounts win
_CACHED_TEXTS = 20_000
_BATCH = 64
_LONGEST_CHARS = 100_000
_IDENTITY = (
    "UsItinRecognizer", "UsPassportRecognizer", "UkNinoRecognizer", "NhsRecognizer", "EsNifRecognizer",
    "EsNieRecognizer",
    "ItFiscalCodeRecognizer", "PlPeselRecognizer", "SgFinRecognizer", "AuTfnRecognizer", "AuMedicareRecognizer",
    "InAadhaarRecognizer", "InPanRecognizer", "FiPersonalIdentityCodeRecognizer", "KrRrnRecognizer", "CaSinRecognizer",
    "SePersonnummerRecognizer", "DeTaxIdRecognizer", "DeIdCardRecognizer", "TrNationalIdRecognizer", "ThTninRecognizer",
    "ZaIdNumberRecognizer",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Analysis:
    """What the model said of one text: its words with tags, and identity numbers that Presidio found."""

    words: tuple[Tagged, ...] = ()
    spans: tuple[PiiSpan, ...] = ()


class PresidioEngine:
    """One analyzer for the process, safe to share between threads.

    Args:
        model: Gives the folder of the spaCy pipeline; called at the first text.
    """

    def __init__(self, model: Callable[[], Path]) -> None:
        self._model = model
        self._lock = threading.RLock()
        self._analyzer: Any = None
        self._cache: OrderedDict[str, Analysis] = OrderedDict()

    def analyze(self, texts: Sequence[str]) -> list[Analysis]:
        """One analysis for each text; equal texts are read once.

        Raises:
            ModelError: The model is missing or cannot be loaded.
        """
        with self._lock:
            new = list(dict.fromkeys(t for t in texts if t not in self._cache))
            found = dict(zip(new, self._read(new), strict=True)) if new else {}
            analyses = [found[t] if t in found else self._cache[t] for t in texts]
            self._remember(found)
            return analyses

    def _remember(self, found: dict[str, Analysis]) -> None:
        self._cache.update(found)
        while len(self._cache) > _CACHED_TEXTS:
            self._cache.popitem(last=False)

    def _read(self, texts: list[str]) -> list[Analysis]:
        analyzer = self._loaded()
        batches = analyzer.nlp_engine.process_batch(texts, "en", batch_size=_BATCH)
        return [_analysis(analyzer, text, artifacts) for text, artifacts in batches]

    def _loaded(self) -> Any:
        if self._analyzer is None:
            self._analyzer = _load(self._model())
        return self._analyzer


def _analysis(analyzer: Any, text: str, artifacts: Any) -> Analysis:
    words = tuple(
        Tagged(token.idx, token.idx + len(token.text), token.tag_, token.ent_type_)
        for token in artifacts.tokens
    )
    results = analyzer.analyze(text, language="en", nlp_artifacts=artifacts, score_threshold=_THRESHOLD)
    spans = (PiiSpan(PiiType.IDENTITY_NUMBER, r.start, r.end, min(r.score, _MOST_SURE)) for r in results)
    return Analysis(words, tuple(sorted(spans, key=lambda s: (s.start, s.end))))


def _load(folder: Path) -> Any:
    import logging

    logging.getLogger("presidio-analyzer").setLevel("ERROR")
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry, predefined_recognizers

    recognizers = [getattr(predefined_recognizers, name)(supported_language="en") for name in _IDENTITY]
    registry = RecognizerRegistry(recognizers=recognizers, supported_languages=["en"])
    return AnalyzerEngine(registry=registry, nlp_engine=_nlp_engine(folder), supported_languages=["en"])


def _nlp_engine(folder: Path) -> Any:
    import spacy
    from presidio_analyzer.nlp_engine import NerModelConfiguration, NlpArtifacts, SpacyNlpEngine

    class LocalSpacyEngine(SpacyNlpEngine):  # type: ignore[misc]
        """Presidio's engine without its download; lemmas, which only find context words, are the words."""

        def _doc_to_nlp_artifact(self, doc: Any, language: str) -> Any:
            indices = [token.idx for token in doc]
            return NlpArtifacts([], doc, indices, [token.lower_ for token in doc], self, language)

    try:
        nlp = spacy.load(folder, exclude=list(_UNUSED_PIPES))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"The spaCy model in {folder.name} cannot be loaded: {error}",
            f"Run `frontdesk models verify {MODEL}`.",
        ) from error
    nlp.max_length = max(nlp.max_length, _LONGEST_CHARS)
    engine = LocalSpacyEngine(ner_model_configuration=NerModelConfiguration(labels_to_ignore=[]))
    engine.nlp = {"en": nlp}
    return engine
