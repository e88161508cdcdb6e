"""What a question means in its conversation: language and a query that stands alone."""

import re
from collections.abc import Sequence

from chatbot.messages import Observation
from chatbot.templates import Language
from chatbot.text import content_words, is_chinese

_FOLLOW_UP = re.compile(
    r"^(?:and|but|or|so|also|then|what about|how about|what if|why)\b"
    r"|\b(?:it|that|this|they|them|there|one)\b|^(?:那|还有|如果|为什么)|它|这个|那个",
    re.IGNORECASE,
)
_SHORT_WORDS = 4


def language_of(observation: Observation) -> Language:
    """The language to answer in: that of the words, else of the screen."""
    return "zh" if is_chinese(observation.said or observation.seen) else "en"


def standalone_query(said: str, earlier_questions: Sequence[str]) -> str:
    """The question with what it leaves unsaid: a short follow-up is searched with the question before it."""
    if not earlier_questions or not said:
        return said
    if len(content_words(said)) <= _SHORT_WORDS and _FOLLOW_UP.search(said):
        return f"{earlier_questions[-1]}\n{said}"
    return said
