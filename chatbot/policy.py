"""How a turn is answered: a pure function of what was perceived and found. Knows no model and no wording."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from chatbot.manipulation import manipulation
from chatbot.messages import Decision, Observation
from chatbot.question_kind import fits
from chatbot.wishes import NO_WISHES, Wishes
from knowledge_base.documents import FaqMatch, RetrievalResult

_CODE = re.compile(  # no \b: in Chinese no space stands around a code
    r"(?<![A-Z0-9])(?:[A-Z]{1,5}[- ]?\d{2,6}|0x[0-9A-F]{4,8})(?![A-Z0-9])", re.IGNORECASE
)
_CJK_PAIR = re.compile(r"[\u3400-\u9fff]{2}")
_COMMON_PAIRS = frozenset(  # in every question
    "怎么 什么 么办 我的 可以 多少 需要 如何 请问 一个 没有 这个 那个 现在 今天 是不 不是 能不 不能".split()
)
CJK_MIN_OVERLAP = 0.1
COVERAGE = "coverage"
"""Score that passages have where the embedder does not know the script of the question."""
QUESTION_MARGIN = 0.1
FRUSTRATION_THRESHOLD = 1.0
MAX_OPTIONS = 3
ANSWERED = frozenset({Decision.TEMPLATE, Decision.GENERATE})
"""Decisions by which something is claimed."""
RUNNER_UP_SHARE = 0.5
"""Of the likeliest question's probability, from which the second leaves it open which of them is meant."""


class Cause(StrEnum):
    """Why a person is brought in."""

    ASKED = "asked"
    FRUSTRATED = "frustrated"
    SENSITIVE = "sensitive"
    NOTHING_FOUND = "nothing_found"
    CONTACT_LEFT = "contact_left"


@dataclass(frozen=True, slots=True)
class PolicyDecision:
    """The decision and its reasons in an agent's words.

    Attributes:
        template: The FAQ match when that is the answer.
        code: The error code that was asked about and that a passage explains; empty when there is none.
        cause: Why a person is brought in, when that is the decision.
        options: The questions that may be meant, likeliest first, when it is asked which.
    """

    decision: Decision
    reasons: tuple[str, ...]
    template: FaqMatch | None = None
    code: str = ""
    cause: Cause | None = None
    options: tuple[FaqMatch, ...] = ()


@dataclass(frozen=True, slots=True)
class ClarifyRule:
    """When it is asked back which of two or three known questions is meant.

    Attributes:
        min_probability: Of one of them being meant, from which it is asked although there are passages to answer from;
            and only if none of them is likely by itself and the second is not far behind.
        min_similarity: Evidence, as for `evidence_min_similarity` and below it, from which it is asked instead of
            declining.
    """

    min_probability: float
    min_similarity: float


def decide(
    observation: Observation,
    result: RetrievalResult,
    *,
    template_min_similarity: float,
    evidence_min_similarity: float,
    subject_min_similarity: float = -1.0,
    template_min_probability: float = 1.0,
    clarify: ClarifyRule | None = None,
    wishes: Wishes = NO_WISHES,
    frustration_threshold: float = FRUSTRATION_THRESHOLD,
) -> PolicyDecision:
    """Chooses between the reviewed answer, a generated one, asking back, an honest "I do not know", a no, and a person.

    Args:
        template_min_similarity: Cosine of a FAQ phrasing from which its answer is given word for word.
        template_min_probability: Probability that a FAQ entry is what is asked for, from which its answer is given
            too, if it is of the kind of the question; 1 leaves it to the similarity alone.
        evidence_min_similarity: Cosine of the best passage, or `QUESTION_MARGIN` less than that of the nearest FAQ
            phrasing, from which there is something to answer from.
        subject_min_similarity: The same, below which it is none of the company's subjects.
        clarify: When to ask back; None: never, as right after having done so.
        wishes: What speaks for a person.
        frustration_threshold: From which a fed-up customer is handed to one.
    """
    if not observation.said and not observation.seen:
        return PolicyDecision(Decision.DECLINE, ("nothing was said and nothing could be read",))
    if handed := _for_a_person(wishes, frustration_threshold):
        return handed
    reviewed, against = _reviewed(observation.said, result, template_min_similarity, template_min_probability)
    if settled := reviewed or _meant_for_instructions(observation.said):
        return settled
    if code := _known_code(observation, result):
        return PolicyDecision(Decision.GENERATE, (*against, f"a passage explains {code}"), code=code)
    options = _options(result, template_min_probability) if clarify and observation.said else ()
    best = evidence(result)
    if best >= evidence_min_similarity:
        if clarify and _is_open(options, clarify.min_probability):
            return PolicyDecision(Decision.CLARIFY, (*against, _chances(options)), options=options)
        return PolicyDecision(Decision.GENERATE, (*against, f"best passage at similarity {best:.2f}"))
    if (overlap := _cjk_overlap(observation.said, result)) >= CJK_MIN_OVERLAP:
        return PolicyDecision(
            Decision.GENERATE, (f"a passage shares {overlap:.0%} of the question's characters",)
        )
    reason = f"best passage at similarity {best:.2f}, below {evidence_min_similarity:.2f}"
    if clarify and options and best >= clarify.min_similarity:
        return PolicyDecision(Decision.CLARIFY, (*against, reason, _chances(options)), options=options)
    if _is_elsewhere(observation, result, subject_min_similarity):
        return PolicyDecision(Decision.REFUSE, (*against, f"none of the company's subjects: {reason}"))
    return _nothing_found((*against, reason), wishes)


def reconsider(
    decision: PolicyDecision, refusal_probability: float, threshold: float, wishes: Wishes = NO_WISHES
) -> PolicyDecision:
    """Declines after all when the model would, unless a passage explains the very error code.

    Args:
        refusal_probability: How likely no passage holds the answer, as the adapter's `RefusalRule` has it.
        threshold: From which it is believed.
    """
    if refusal_probability < threshold or decision.code:
        return decision
    reason = (
        f"no passage holds the answer with probability {refusal_probability:.2f}, at least {threshold:.2f}"
    )
    return _nothing_found((*decision.reasons, reason), wishes)


def evidence(result: RetrievalResult) -> float:
    """Similarity of the best passage, or of the nearest FAQ question less `QUESTION_MARGIN`: those are alike sooner."""
    passages = (c.scores.get("dense", 0.0) for c in result.chunks)
    return max((*passages, *(m.similarity - QUESTION_MARGIN for m in result.faq)), default=0.0)


def best_part(decisions: Sequence[PolicyDecision], results: Sequence[RetrievalResult]) -> int | None:
    """The place of the question that is answered, of those one message holds; None where none can be.

    Each is decided by itself, exactly as if it had been all that was asked, so that no question is answered beside
    another that would not be alone.
    """
    answered = [n for n, decision in enumerate(decisions) if decision.decision in ANSWERED]
    return max(answered, key=lambda n: evidence(results[n]), default=None)


def is_unanswered(decision: PolicyDecision) -> bool:
    """Whether too little was found for the message as a whole, so that its questions are looked at one by one."""
    careful = (Decision.DECLINE, Decision.REFUSE, Decision.CLARIFY)
    return decision.decision in careful or decision.cause is Cause.NOTHING_FOUND


def _reviewed(
    said: str, result: RetrievalResult, min_similarity: float, min_probability: float
) -> tuple[PolicyDecision | None, tuple[str, ...]]:
    """The reviewed answer, if one is sure enough; else what speaks against the one that would have been."""
    match = result.faq[0] if result.faq and said else None
    if match and match.similarity >= min_similarity:
        reason = f"FAQ {match.entry.id} at similarity {match.similarity:.2f}"
        return PolicyDecision(Decision.TEMPLATE, (reason,), match), ()
    if match is None or (match.probability or 0.0) < min_probability:
        return None, ()
    reason = f"FAQ {match.entry.id} with probability {match.probability:.2f}"
    if fits(said, match.entry.all_phrasings):
        return PolicyDecision(Decision.TEMPLATE, (reason,), match), ()
    return None, (f"{reason}, but another kind of question",)


def _meant_for_instructions(said: str) -> PolicyDecision | None:
    attempt = manipulation(said)
    reason = f"meant for the assistant's instructions: {attempt!r}"
    return PolicyDecision(Decision.REFUSE, (reason,)) if attempt else None


def _options(result: RetrievalResult, template_min_probability: float) -> tuple[FaqMatch, ...]:
    """Known questions that may be meant, likeliest first; none where one is sure, or there is no choice."""
    judged = [match for match in result.faq if match.probability is not None]
    likely = sorted(judged, key=lambda match: -(match.probability or 0.0))[:MAX_OPTIONS]
    is_choice = len(likely) > 1 and (likely[0].probability or 0.0) < template_min_probability
    return tuple(likely) if is_choice else ()


def _is_open(options: tuple[FaqMatch, ...], min_probability: float) -> bool:
    """Whether one of them is probably meant, and the second is not far behind the first."""
    chances = [match.probability or 0.0 for match in options]
    return bool(chances) and sum(chances) >= min_probability and chances[1] >= RUNNER_UP_SHARE * chances[0]


def _chances(options: tuple[FaqMatch, ...]) -> str:
    named = ", ".join(f"{match.entry.id} {match.probability:.2f}" for match in options)
    return f"one of these may be meant: {named}"


def _for_a_person(wishes: Wishes, frustration_threshold: float) -> PolicyDecision | None:
    """A person, where something speaks for one whatever was found."""
    if wishes.person:
        return _handed(Cause.ASKED, f"a person was asked for: {wishes.person!r}")
    if wishes.sensitive:
        return _handed(Cause.SENSITIVE, f"a sensitive topic: {wishes.sensitive!r}")
    if wishes.frustrated and wishes.frustration >= frustration_threshold:
        return _handed(
            Cause.FRUSTRATED,
            f"frustration {wishes.frustration:.1f}, at least {frustration_threshold:.1f}: {wishes.frustrated!r}",
        )
    if wishes.contact and wishes.is_waiting:
        return _handed(Cause.CONTACT_LEFT, "an e-mail address was left for the person who was asked for")
    return None


def _nothing_found(reasons: tuple[str, ...], wishes: Wishes) -> PolicyDecision:
    """Declines, and brings in a person when that happened just before or one is waited for anyway."""
    if wishes.found_nothing_before:
        return _handed(Cause.NOTHING_FOUND, *reasons, "nothing was found for the question before either")
    if wishes.is_waiting:
        return _handed(Cause.NOTHING_FOUND, *reasons, "a person was asked for already")
    return PolicyDecision(Decision.DECLINE, reasons)


def _handed(cause: Cause, *reasons: str) -> PolicyDecision:
    return PolicyDecision(Decision.HANDOFF, reasons, cause=cause)


def _is_elsewhere(observation: Observation, result: RetrievalResult, min_similarity: float) -> bool:
    """Whether a question is near nothing at all: one of words alone, in a script that the embedder knows."""
    in_words = bool(observation.said) and not observation.seen and not observation.screens
    is_judged = bool(result.chunks) and all(COVERAGE not in c.scores for c in result.chunks)
    return in_words and is_judged and evidence(result) < min_similarity


def _cjk_overlap(said: str, result: RetrievalResult) -> float:
    """Largest share of the question's character pairs in one passage: an English embedder cannot judge Chinese."""
    asked = _cjk_pairs(said)
    shares = (len(asked & _cjk_pairs(c.chunk.embedding_text)) / len(asked) for c in result.chunks if asked)
    return max(shares, default=0.0)


def _cjk_pairs(text: str) -> set[str]:
    pairs = (text[i : i + 2] for i in range(len(text) - 1))
    return {pair for pair in pairs if _CJK_PAIR.fullmatch(pair)} - _COMMON_PAIRS


def _known_code(observation: Observation, result: RetrievalResult) -> str:
    asked = (*observation.error_codes, *_CODE.findall(observation.said))
    texts = [c.chunk.embedding_text for c in result.chunks]
    return next((code for code in asked if any(names_code(text, code) for text in texts)), "")


def names_code(text: str, code: str) -> bool:
    """Whether the text holds the code, with or without hyphen; "in 30" is one only where it says IN 30."""
    spelled = r"[\s-]?".join(re.escape(c) for c in re.sub(r"[\s-]", "", code).upper())
    flags = re.NOFLAG if " " in code else re.IGNORECASE
    return re.search(rf"(?<![A-Za-z0-9-]){spelled}(?![A-Za-z0-9])", text, flags) is not None
