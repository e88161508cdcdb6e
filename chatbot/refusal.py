"""Whether the passages hold an answer, and which: the model's own view beside what the question shares with them.

One definition for answering and for fitting. The weights come with an adapter, since they are fitted to its doubt.
Knows no embedder: whoever asks brings the similarity.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from chatbot.first_mark import FirstMark
from chatbot.text import content_words, words

BIAS = "bias"
HEADING = "heading"
FEATURES = ("doubt", HEADING, "heading_title", "heading_alike", "question_similarity")
"""What may have a weight in a refusal; `features` says what each is."""
CHOICE = "passage_similarity"
"""Weight of a passage's similarity beside the log of its probability, when the passage is chosen."""
Similarity = Callable[[str, Sequence[str]], Sequence[float]]
"""Cosine of a question and each of its passages (title, line break, text)."""
_LEAST = 1e-6
_ALIKE = 0.8
_NAME = re.compile(r"(?<=\s)[A-Z]\S*|\S*\d\S*")  # the first word has a capital in any case
_MOST_DOUBT = 8.0  # log odds; beyond them a probability of floats says nothing
_MOST_ODDS = 500.0  # what exp can take
_PERSONAL = re.compile(r"\b(?:i|im|me|my|mine|we|us|our)\b", re.IGNORECASE)
_ASKS = re.compile(
    r"(?:what|why|when|where|which|who|whose|how(?! to\b)|can|could|do|does|did|is|are|was|has|have|will|would|should"
    r"|may|please)\b",
    re.IGNORECASE,
)
_LONG_WORD_CHARS = 4  # in Title Case shorter ones may be small
_MOST_KEYWORDS = 3
_HEADING = re.compile(r"[\"'(]?[A-Z0-9].*[^.?!]$")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and what was found for it.

    Attributes:
        passages: Title, line break and text of each, as they stand in the prompt.
        similarities: See `Similarity`.
    """

    question: str
    passages: Sequence[str]
    similarities: Sequence[float] = ()


def features(mark: FirstMark, asked: Asked) -> dict[str, float]:
    """What speaks for a refusal and against one.

    - `doubt`: log odds of the model's own probability of "no passage".
    - `heading`: 1 for a question that is worded like a heading, else 0.
    - `heading_title`: of such a one, the largest share of its content words in the title of a passage.
    - `heading_alike`: of such a one, the likeness of its content words and those of a passage's own heading (Dice), the
      largest: help centres ask in their headings what people ask in a few words.
    - `question_similarity`: of any other one, that of the nearest passage. Two headings are near each other in any help
      centre, so this says nothing of headings, as titles say nothing of people's questions.
    """
    heading = float(is_heading(asked.question))
    return {
        "doubt": log_odds(mark.refusal_probability),
        HEADING: heading,
        "heading_title": heading * _share_in_title(asked),
        "heading_alike": heading * _likeness_to_heading(asked),
        "question_similarity": (1 - heading) * max(asked.similarities, default=0.0),
    }


def _share_in_title(asked: Asked) -> float:
    wanted = set(content_words(asked.question))
    titles = (set(content_words(passage.split("\n", 1)[0])) for passage in asked.passages)
    return max((len(wanted & title) / len(wanted) for title in titles if wanted), default=0.0)


def _likeness_to_heading(asked: Asked) -> float:
    wanted = set(content_words(asked.question))
    return max((_dice(wanted, set(content_words(heading))) for heading in _headings(asked)), default=0.0)


def _headings(asked: Asked) -> list[str]:
    """Of each passage the last part of its title, which is the section's own."""
    return [passage.split("\n", 1)[0].rpartition(" > ")[2] for passage in asked.passages]


def headed_alike(asked: Asked) -> int:
    """Number of the passage whose heading asks nearly the same, by the words they share (Dice); 0 when there is none.

    A heading with a name or number that the question has not is about something else.
    """
    wanted = set(words(asked.question))
    alike = [_alike(wanted, heading) for heading in _headings(asked)]
    return alike.index(max(alike)) + 1 if max(alike, default=0.0) >= _ALIKE else 0


def _alike(wanted: set[str], heading: str) -> float:
    found, names = set(words(heading)), set(words(" ".join(_NAME.findall(heading))))
    if not names <= wanted:
        return 0.0
    return _dice(wanted, found)


def _dice(one: set[str], other: set[str]) -> float:
    return 2 * len(one & other) / max(1, len(one) + len(other))


def chosen(likely: Sequence[float], similarities: Sequence[float], weight: float) -> int:
    """Number of the best passage by log probability and weighed similarity; the first of equal ones."""
    scores = [math.log(max(p, _LEAST)) + weight * s for p, s in zip(likely, similarities, strict=False)]
    return scores.index(max(scores)) + 1


def is_heading(question: str) -> bool:
    """Whether a question is worded like a heading and not as people ask.

    It begins with a capital, ends without a stop, begins with no question word unless in Title Case, and speaks of
    nobody. One to three words that all carry meaning are keywords, whose capital is the telephone's, unless in Title
    Case.
    """
    text = question.strip()
    if not _HEADING.match(text) or "\n" in text or _PERSONAL.search(text):
        return False
    return _is_title_case(text) or not (_ASKS.match(text) or _are_keywords(text))


def _is_title_case(text: str) -> bool:
    long = [word for word in text.split() if len(word) >= _LONG_WORD_CHARS]
    return len(long) > 1 and all(word[0].isupper() for word in long)


def _are_keywords(text: str) -> bool:
    return len(content_words(text)) == len(words(text)) <= _MOST_KEYWORDS


def log_odds(probability: float) -> float:
    """Log odds of a probability, bounded."""
    if not 0 < probability < 1:
        return math.copysign(_MOST_DOUBT, probability - 0.5)
    return max(-_MOST_DOUBT, min(_MOST_DOUBT, math.log(probability / (1 - probability))))


@dataclass(frozen=True, slots=True)
class RefusalRule:
    """From when on an adapter refuses.

    Attributes:
        threshold: Probability from which it refuses.
        weights: By feature and `bias`, of a logistic regression; without them the model's own probability counts. With
            `CHOICE` among them the passage is chosen by its similarity, too.
    """

    threshold: float
    weights: Mapping[str, float] = field(default_factory=dict)

    def probability(self, mark: FirstMark, asked: Asked) -> float:
        """How likely no passage holds the answer; 1 where there is no passage."""
        if not self.weights.keys() - {CHOICE} or not asked.passages:
            return mark.refusal_probability
        return self.weighed(features(mark, asked))

    def weighed(self, found: Mapping[str, float]) -> float:
        """The probability that the weights make of features."""
        odds = sum(weight * found.get(name, 1.0) for name, weight in self.weights.items() if name != CHOICE)
        return 1 / (1 + math.exp(-max(-_MOST_ODDS, min(_MOST_ODDS, odds))))

    def passage(self, mark: FirstMark, asked: Asked) -> int:
        """The number of the passage that the answer begins with: one that is headed as the question is, if any."""
        if same := headed_alike(asked):
            return same
        weight = self.weights.get(CHOICE, 0.0)
        if not weight or not mark.likely or len(mark.likely) > len(asked.similarities):
            return mark.number
        return chosen(mark.likely, asked.similarities, weight)

    @property
    def compares(self) -> bool:
        """Whether it needs the similarity."""
        return bool({"question_similarity", CHOICE} & self.weights.keys())
