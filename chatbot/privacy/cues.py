"""Phrases that introduce a person, whatever the name looks like: `my name is …`, `Dear …`, `Mrs. …`, `… speaking`."""

import re
from collections.abc import Iterator

from chatbot.privacy.lexicon import COUNTRIES, MONTHS_AND_DAYS, NATIONALITIES, TITLES, is_english, lexicon
from chatbot.privacy.spans import PiiSpan, PiiType

_W = r"[^\W\d_][^\W\d_'’\-]*(?:['’\-][^\W\d_]+)*"
_INITIAL = r"[^\W\d_]\.?"
_JOIN = r"(?:van|von|de|der|den|del|della|di|da|dos|du|la|le|al|el|bin|ibn|ten|ter|op|af|av)"
_NAME = rf"(?P<value>{_W}(?:[ \t]+(?:{_JOIN}[ \t]+){{0,2}}(?:{_W}|{_INITIAL})){{0,3}})"
_SOLE = rf"(?P<value>{_W})"

_TITLED = re.compile(
    rf"\b(?:mr|mrs|ms|miss|mx|dr|prof|professor|herr|frau|madame|monsieur|mme|mlle|señora?)\.?[ \t]+{_NAME}",
    re.I,
)
_NAMED = re.compile(
    r"(?:\b(?:my|your|his|her|their|the|full|first|last|sur|maiden|family|middle|given|user|card "
    r"?holder['’]?s?|account ?holder['’]?s?|customer|"
    r"partner['’]?s?|husband['’]?s?|wife['’]?s?|son['’]?s?|daughter['’]?s?)[ -]?names?(?: (?:on|in) "
    r"(?:the|my) \w+)?(?: is|['’]s| was|:| should be)"
    r"|\bnames?(?: is|['’]?s|:)|\bunder (?:the name(?: of)?|(?:my )?\w+['’]s name)|\b(?:is|was|am|"
    r"i['’]m) (?:called|named)|\bcalls? me|\bnamed|"
    r"\bname(?: on the account)?\? (?:user: |customer: |it['’]?s )?|\bname (?:of|:)|\bpartner['’]s name|"
    r"\battn\.?:|\bsigned,?|\bname\??\n(?:it['’]?s )?)[ \t]*" + _NAME,
    re.I,
)
_INTRODUCED = re.compile(rf"\b(?:i am|i['’]m|this is|it['’]s|here is)[ \t]+{_NAME}", re.I)
_LOOSE = re.compile(rf"\b(?:under|on behalf of|attention:|speaking (?:with|to)) {_NAME}", re.I)
_GREETED = re.compile(
    rf"\b(?:hi|hello|hey|dear|hallo|bonjour|hola|thanks|thank you|cheers|good (?:morning|afternoon|"
    rf"evening)),?[ \t]+{_NAME}(?=[,.!?\n;:]|$)",
    re.I,
)
_SIGNED = re.compile(
    rf"\b(?:(?:kind |best |warm )?regards|sincerely(?: yours)?|yours (?:truly|sincerely|faithfully)|"
    rf"cheers|best wishes|best|thanks|many thanks|thank you)[,.!]*[ \t]*\n+[ \t]*{_NAME}[ \t]*(?=\n|$)",
    re.I,
)
_SPEAKING = re.compile(rf"(?:^|[.!?,\n][ \t]*){_NAME}[ \t]+(?:speaking|here)\b", re.I | re.M)
_SPEAKER = re.compile(rf"^(?P<value>{_W}(?: {_W})?)[ \t]?:[ \t]*[\"“]", re.M)
_ROLED = re.compile(
    rf"\b(?:agent|customer|caller|client|user|operator|rep(?:resentative)?|member)[ \t]*\({_NAME}\)", re.I
)
_SURE = ((_TITLED, 0.92), (_NAMED, 0.9), (_SIGNED, 0.88), (_ROLED, 0.95))
_MAYBE = ((_INTRODUCED, 0.85), (_GREETED, 0.86), (_LOOSE, 0.8), (_SPEAKING, 0.84), (_SPEAKER, 0.86))
_ROLES = frozenset(
    "regards sincerely cheers thanks wishes greetings user bot agent customer assistant system support "
    "sir madam team everyone all guys folks".split()
)
_STOPS = frozenset(
    "and or but from with at in on for to of by is are was were am be has had have not no yes if so "
    "because please that which who "
    "originally calling here there contacting writing i you we they he she it my your his her their "
    "our the a an this these those "
    "correct wrong incorrect right fine good great sure sorry okay ok just also still very really now "
    "then today".split()
)


def find_introduced(text: str) -> Iterator[PiiSpan]:
    """Names that a phrase introduces. In other languages than English small letters are never a name."""
    spans = list(_introduced(text))
    if spans and not is_english(re.findall(r"[^\W\d_]+", text.lower())):
        spans = [
            span for span in spans if all(w[0].isupper() for w in text[span.start : span.end].split()[:1])
        ]
    yield from spans


def _introduced(text: str) -> Iterator[PiiSpan]:
    for pattern, score in _SURE:
        for match in pattern.finditer(text):
            yield from _name(match, score, sure=True)
    for pattern, score in _MAYBE:
        for match in pattern.finditer(text):
            yield from _name(match, score, sure=False)


def _name(match: re.Match[str], score: float, *, sure: bool) -> Iterator[PiiSpan]:
    """The leading words of a match that can be a name; unsure phrases ask for a name's look besides."""
    start, end, known = match.start("value"), 0, False
    previous, begin = "", start
    for word in re.finditer(r"[^\s]+", match["value"]):
        if not previous and word.group().lower().rstrip(".") in TITLES:
            begin = start + word.end() + 1
            continue
        bare = word.group().rstrip(".'’").removesuffix("'s").removesuffix("’s")
        if not _can_be_name(bare, previous):
            break
        known = known or _is_known(bare)
        end = start + word.start() + len(bare) + (1 if len(bare) == 1 and word.group().endswith(".") else 0)
        previous = bare
    value = match.string[begin:end].strip() if end else ""
    if value and _looks_right(value, known, sure=sure):
        yield PiiSpan(PiiType.PERSON, begin, end, score)


def _can_be_name(word: str, previous: str) -> bool:
    lower = word.lower()
    if (
        lower in _STOPS
        or re.search(r"['’](?:m|d|t|ll|ve|re)$", lower)
        or lower in _ROLES
        or lower in MONTHS_AND_DAYS
    ):
        return False
    if len(word) == 1:
        return bool(previous) and (word.isupper() or (previous.islower() and lower not in "ai"))
    if word[0].isupper() or (previous and re.fullmatch(_JOIN, lower)):
        return not (
            previous
            and previous[0].islower()
            and not re.fullmatch(_JOIN, previous.lower())
            and word.isupper()
        )
    names = lexicon()
    return lower not in names.everyday or (
        lower in names.given and bool(previous) and previous.lower() in names.given
    )


def _is_known(word: str) -> bool:
    names, lower = lexicon(), word.lower()
    return (lower in names.given or lower in names.family) and lower not in names.everyday


def _looks_right(value: str, known: bool, *, sure: bool) -> bool:
    words = [w.lower() for w in value.split()]
    names = lexicon()
    if all(w in COUNTRIES or w in NATIONALITIES for w in words):
        return False
    if sure:
        return value[0].isupper() or known or any(w not in names.everyday and len(w) > 2 for w in words)
    capital = all(w[0].isupper() for w in value.split() if len(w) > 3)
    ordinary = all(w in names.everyday and w not in names.given for w in words)
    return known or (capital and not ordinary and (len(words) > 1 or words[0] not in names.everyday))
