"""Questions as customers ask them, made from headings, titles and sentences by templates. Pure."""

import random
import re
from collections.abc import Sequence

from chatbot.text import STOP_WORDS, words

_CAUSE = ("why {t}?", "what causes this: {t}", "What is the cause of {t}?", "why does this happen? {t}")
_FIX = (
    "how do I fix {t}?",
    "{t}. How can I solve this?",
    "{t}",
    "I have this problem: {t}. What should I do?",
    "what can I do about {t}",
    "please help, {t}",
)
_SYMPTOM = ("what happens with {t}?", "what are the symptoms of {t}?", "how do I recognise {t}?")
_ABOUT = ("what should I know about {t}?", "tell me about {t}", "{t}?", "can you explain {t}?")
_GENERIC = {
    "cause": _CAUSE,
    "causes": _CAUSE,
    "root cause": _CAUSE,
    "resolution": _FIX,
    "solution": _FIX,
    "workaround": ("is there a workaround for {t}?", "how do I get around {t}", *_FIX[:3]),
    "fix": _FIX,
    "what to do": _FIX,
    "symptoms": _SYMPTOM,
    "symptom": _SYMPTOM,
    "problem": _SYMPTOM,
    "issue": _SYMPTOM,
    "more information": _ABOUT,
    "summary": _ABOUT,
    "introduction": _ABOUT,
    "overview": _ABOUT,
    "description": _ABOUT,
    "details": _ABOUT,
}
_ACTION = (
    "How do I {h}?",
    "how can I {h}",
    "I want to {h}",
    "how to {h}",
    "Can you tell me how to {h}?",
    "what do I have to do to {h}?",
    "i need to {h}, where do i do that",
)
_TOPIC = (
    "What about {h}?",
    "{h}?",
    "{h}",
    "Tell me about {h}",
    "I have a question about {h}",
    "what do you say about {h}",
    "can you explain {h}?",
    "I need information on {h}",
    "What are the rules for {h}?",
)
_ERROR = ("I get {h}", "I get the error {h}, what now?", "my screen says {h}", "{h} - what does it mean?")
_VERBS = frozenset(
    "add allow apply ask assign avoid back block book build buy call cancel change check choose clean clear close "
    "collect configure connect contact convert copy create customize delete deploy determine disable disconnect "
    "download edit enable end enter export extend find fix force get give identify import improve increase install "
    "keep link list locate lock log make manage migrate modify monitor mount move obtain open order pair pay place "
    "prepare prevent print protect publish recover reduce redeem register reinstall remove rename renew repair replace "
    "report request reset resolve restart restore retrieve return review revoke run save schedule search select send "
    "set share show sign start stop store submit switch sync test track transfer troubleshoot try turn understand "
    "uninstall unlock update upgrade upload use validate verify view withdraw work".split()
)
_GREETINGS = ("hi, ", "Hello! ", "hey ", "Good morning, ", "please help: ", "quick question: ", "hi there, ")
_ENDINGS = (" thanks", " thank you", " pls", "!!", " please")
_STEP = re.compile(
    r"^(?:step|method|option|scenario|task|part|cause|resolution|workaround|solution)\s+\d+\W*", re.I
)
_NUMBERED = re.compile(r"^\d+(?:\.\d+)*[.)]?\s+")
_PREFIXES = re.compile(r"^(?:how to|internal)\W+", re.I)
_MONEY = re.compile(r"[$€£¥]\s?\d|\d\s?[$€£¥%]|\b\d+ (?:dollars|euros?)\b")
_TIME = re.compile(r"\b\d+\S* (?:\w+ )?(?:second|minute|hour|day|week|month|year)s?\b", re.I)
_NUMBER = re.compile(r"\d")


def heading_question(heading: str, title: str, rng: random.Random, *, name_title: bool) -> str:
    """A question that the section under `heading` answers.

    Args:
        title: The document's title.
        name_title: The heading alone does not tell which document is meant.
    """
    head, about = _bare(heading), _bare(title)
    generic = _GENERIC.get(head.lower().rstrip(".:"))
    if generic:
        return _filled(rng.choice(generic), t=_lowered(about))
    if head.endswith("?"):
        return _with_title(head, about, rng) if name_title else head
    question = _filled(rng.choice(_shapes(head)), h=_lowered(head))
    return _with_title(question, about, rng) if name_title else question


def _shapes(head: str) -> Sequence[str]:
    first = head.split()[0].lower() if head.split() else ""
    if "error" in head.lower() or '"' in head:
        return (*_ERROR, *_TOPIC[:3])
    return _ACTION if first in _VERBS else _TOPIC


def _with_title(question: str, title: str, rng: random.Random) -> str:
    if not title or title.lower() in question.lower():
        return question
    mark = "?" if question.endswith("?") else ""
    bare = question.rstrip("?")
    return rng.choice((f"{bare} ({title}){mark}", f"{title}: {question}", f"{bare} for {title}{mark}"))


def sentence_question(sentence: str, about: str, rng: random.Random) -> str:
    """A question in a few words that this sentence answers: what it is about, without its numbers.

    Args:
        about: Heading or title, named when the sentence has few words of its own.
    """
    kept = [word for word in words(sentence) if word not in STOP_WORDS and not _NUMBER.search(word)]
    start = rng.randrange(max(1, len(kept) - 5))
    asked = " ".join(dict.fromkeys(kept[start : start + rng.randint(4, 6)]))
    if rng.random() < 0.5:
        asked = f"{asked} {_lowered(_bare(about))}"
    return _filled(rng.choice(_stems(sentence)), h=asked)


def _stems(sentence: str) -> Sequence[str]:
    if _MONEY.search(sentence):
        return ("how much {h}", "{h} how much is it?", "what does it cost, {h}", "{h} amount?")
    if _TIME.search(sentence):
        return ("how long {h}", "when {h}?", "{h} how many days", "how much time {h}")
    if _NUMBER.search(sentence):
        return ("how many {h}", "what is the limit {h}", "{h} number?", "which {h}")
    return ("{h}", "{h}?", "what about {h}", "is it right that {h}?", "why {h}", "can I {h}?", "how {h}")


_ABSENT = (
    (
        re.compile(r"[$€£¥]|\b(?:cost|price|fee|charge|dollar|euro)", re.I),
        ("how much does {h} cost?", "price of {h}"),
    ),
    (
        re.compile(r"\b(?:call|phone|telephone|hotline)\b|\+\d", re.I),
        ("which phone number do I call for {h}?",),
    ),
    (re.compile(r"@|e-?mail", re.I), ("what is the e-mail address for {h}?",)),
    (re.compile(r"student|discount", re.I), ("is there a student discount for {h}?",)),
    (
        re.compile(r"\b(?:day|week|hour|minute|month)s?\b", re.I),
        ("how many days does {h} take?", "how long is {h}?"),
    ),
    (
        re.compile(r"\b(?:country|countries|abroad|norway|international)", re.I),
        ("does {h} also work in Norway?",),
    ),
    (re.compile(r"colou?r", re.I), ("which colours are there for {h}?",)),
    (re.compile(r"\bage|years old|child", re.I), ("how old do I have to be for {h}?",)),
    (re.compile(r"\bmac\b|macos|linux|ios|android", re.I), ("does {h} run on Linux?", "{h} on my mac?")),
    (re.compile(r"weekend|sunday|saturday", re.I), ("can I do {h} on a Sunday?",)),
    (re.compile(r"warranty|guarantee", re.I), ("what warranty do I get with {h}?",)),
    (re.compile(r"\bchat|manager|person\b", re.I), ("who is the manager responsible for {h}?",)),
    (re.compile(r"language|french|german", re.I), ("is {h} available in French?",)),
    (re.compile(r"insur", re.I), ("is {h} covered by an insurance?",)),
    (re.compile(r"\btax|vat\b", re.I), ("do I pay tax on {h}?",)),
)


def absent_question(heading: str, evidence: str, rng: random.Random) -> str | None:
    """A plausible question about the heading's topic whose detail the evidence never mentions."""
    absent = [shapes for pattern, shapes in _ABSENT if not pattern.search(evidence)]
    if not absent:
        return None
    return _filled(rng.choice(rng.choice(absent)), h=_lowered(_bare(heading)))


_VAGUE = (
    "it doesn't work",
    "help",
    "I have a problem",
    "not working",
    "hi",
    "can you help me?",
    "i need support",
)


def vague_question(rng: random.Random) -> str:
    """A message that says nothing one could answer."""
    return rng.choice(_VAGUE)


def varied(question: str, rng: random.Random) -> str:
    """The question as somebody in a hurry types it: lower case, keywords, a slip, a greeting."""
    match rng.randrange(5):
        case 0:
            return question.lower().rstrip("?.")
        case 1:
            kept = [w for w in question.rstrip("?.").split() if w.lower().strip(",") not in STOP_WORDS]
            return " ".join(kept).lower() if len(kept) > 2 else question.lower()
        case 2:
            return _slip(question, rng)
        case 3:
            return rng.choice(_GREETINGS) + _lowered(question)
        case _:
            return question.rstrip("?.").lower() + rng.choice(_ENDINGS)


def _slip(question: str, rng: random.Random) -> str:
    """Two letters swapped, one left out or one doubled in a long word without digits."""
    parts = question.split(" ")
    long = [i for i, part in enumerate(parts) if len(part) > 4 and part.isalpha()]
    if not long:
        return question.lower()
    chosen = rng.choice(long)
    word, at = parts[chosen], rng.randrange(1, len(parts[chosen]) - 2)
    swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    parts[chosen] = rng.choice((swapped, word[:at] + word[at + 1 :], word[:at] + word[at] + word[at:]))
    return " ".join(parts)


def _bare(heading: str) -> str:
    """The heading without numbers, markup and its `How to`."""
    plain = re.sub(r"[*_`]|\[|\]\([^)]*\)|\]", "", heading).strip()
    for pattern in (_NUMBERED, _STEP, _PREFIXES):
        plain = pattern.sub("", plain).strip() or plain
    return plain.rstrip(".:")


def _lowered(text: str) -> str:
    """Lower case for the first letter, unless the first word is a name or a code."""
    first = text.split(" ", 1)[0]
    return text[:1].lower() + text[1:] if first[1:].islower() or len(first) == 1 else text


def _filled(shape: str, **parts: str) -> str:
    return " ".join(shape.format(**parts).split())
