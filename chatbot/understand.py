"""What a question means in its conversation: language, a query that stands alone, and the questions it is made of."""

import re
from collections.abc import Sequence

from chatbot.messages import Observation
from chatbot.question_kind import question_kind
from chatbot.templates import Language
from chatbot.text import STOP_WORDS, content_words, is_chinese, split_sentences, words

_FOLLOW_UP = re.compile(
    r"^(?:and|but|or|so|also|then|what about|how about|what if|why)\b"
    r"|\b(?:it|that|this|they|them|there|one)\b|^(?:那|还有|如果|为什么)|它|这个|那个",
    re.IGNORECASE,
)
_SHORT_WORDS = 4
_REQUEST = re.compile(  # what asks for something in no question's words
    r"\b(?:please|pls|help|tell me|show me|explain|let me know|how to|looking for|wondering"
    r"|i (?:want|need|would like|wish)|i['’]?d like)\b"
    r"|请|想(?:要|知道)|帮|\b(?:bitte|ich (?:möchte|brauche|will)|s['’]il (?:vous|te) plaît|por favor)\b",
    re.IGNORECASE,
)
_WHAT_ABOUT = re.compile(r"^(?:(?:and|but|so|also|ok|okay)\b[\s,]*)*(?:what|how) about\b", re.IGNORECASE)
_POINTING = frozenset(  # said of whatever is on a screen
    "error errors message messages warning warnings notice popup code screen screens screenshot screenshots picture "
    "pictures photo image page window thing something problem problems issue issues wrong help helps fix fixed fixing "
    "solve solved resolve solution work works worked working mean means meaning happen happens happened happening show "
    "shows showing showed shown see sees seeing seen look looks looking say says saying said appear appears appeared "
    "come comes coming came get gets getting got keep keeps kept go goes going went gone make try tried know tell "
    "understand explain check let hi hello hey thanks thank pls ok okay now always again still what's that's it's i'm "
    "i've i'd don't doesn't didn't can't won't isn't let's".split()
)
_POINTING_CJK = frozenset(
    "这那是什么怎办意思请帮我忙看一下出现了错误问题如何解决为的呢吗个提示显界面图片截屏幕该做能有在上里您好你"
)
_MIN_SHOWN = 3  # words on a screen that say something
MAX_QUESTIONS = 6
"""Looked at in one message: each is a search of its own."""


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


def asks_about_screen(observation: Observation) -> bool:
    """Whether a message names nothing of its own, as "What is this?", and comes with a screen on which words stand.

    Then the screen is the question: such words are near no article.
    """
    named = [word for word in words(observation.said) if word not in STOP_WORDS and word not in _POINTING]
    return (
        bool(observation.said)
        and all(word in _POINTING_CJK for word in named)
        and len(content_words(observation.seen)) >= _MIN_SHOWN
    )


def changes_subject(said: str, joint: Sequence[str], alone: Sequence[str]) -> bool:
    """Whether "what about the password?" is a question of its own, and none about what was asked before.

    So it is where passages that are found for it alone hold what it names, and those that are found for both questions
    together do not.

    Args:
        joint: Texts of the best passages for both questions.
        alone: Texts of the best passages for this one.
    """
    named = set(content_words(_WHAT_ABOUT.sub("", said)))
    if not named or not _WHAT_ABOUT.match(said):
        return False
    return _hold(alone, named) and not _hold(joint, named)


def _hold(texts: Sequence[str], named: set[str]) -> bool:
    return any(named <= set(content_words(text)) for text in texts)


def questions_in(said: str) -> tuple[str, ...]:
    """The sentences of a message that ask for something, in order; none where it is one sentence.

    What only tells something is left out: a customer's "I have a Wren Pro." would find articles for whatever is asked
    after it. Of many, the first and the last ones are taken.
    """
    sentences = [sentence.strip() for sentence in split_sentences([said]) if sentence.strip()]
    if len(sentences) < 2:
        return ()
    asking = list(dict.fromkeys(sentence for sentence in sentences if _asks(sentence)))
    if len(asking) > MAX_QUESTIONS:
        asking = asking[: MAX_QUESTIONS // 2] + asking[-MAX_QUESTIONS // 2 :]
    return tuple(asking)


def _asks(sentence: str) -> bool:
    is_question = sentence.endswith(("?", "？")) or question_kind(sentence) is not None
    return is_question or _REQUEST.search(sentence) is not None
