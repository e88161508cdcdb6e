"""Names of persons without an introduction: runs of name-like words, weighed by several weak signs.

The language model's own PERSON label finds three names in four of an international text. Its part-of-speech tags are
better: nearly every name is a proper noun for it. So each run of proper nouns is a candidate, and signs are added up:
lists of given and family names, endings of family names, initials, the model's label, the words before and after.
The weights were set by hand on the development part of the evaluation data.
"""

import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise

from chatbot.privacy.lexicon import (
    COUNTRIES,
    MONTHS_AND_DAYS,
    NAME_ENDINGS,
    NATIONALITIES,
    ORGANISATION_WORDS,
    PARTICLES,
    TITLES,
    lexicon,
)
from chatbot.privacy.spans import PiiSpan, PiiType
from chatbot.privacy.tokens import Token

ENOUGH = 3.0
_CONTRACTION = re.compile(r"^i$|['’](?:m|d|s|t|ll|ve|re)$", re.IGNORECASE)
_PROPER = frozenset({"NNP", "NNPS"})
_PLACE_BEFORE = frozenset(
    "in at near from to into around through visiting downtown outside inside of across".split()
)
_TRAVEL = frozenset(
    "moved flew fly travel travelling traveling drive went going returned return living based born "
    "grew coming come".split()
)
_PERSON_BEFORE = frozenset(
    "by with between told asked gave give given met thanks thank hi hello hey dear says said ask tell for "
    "and ex former early late "
    "songwriter producer director president actor singer author son daughter wife husband kid brother "
    "sister aunt uncle cousin nephew niece mother father mom "
    "dad friend boss manager partner colleague assistant leave leaving me under why is does did".split()
)
_PERSON_AFTER = frozenset(
    "said says say told asked asks shouted shouts explained explains thinks thought wants wanted wrote "
    "writes called calls went "
    "lives lived works worked spent likes loves helped helps assisted gave given listed was is has had "
    "will would and who whose "
    "speaking flew moved joined died born began started studied became retired".split()
)
_PLACE_AFTER = frozenset(
    "street st avenue road rd lane drive boulevard square bridge river lake mountain mountains valley "
    "beach island islands county "
    "city town village state province airport station park country apartments temple hills vs cinema".split()
)
_JOINTS = frozenset({"and", "or", ",", "&", "to", "with"})
_SPEECH_BEFORE = frozenset("says said asked told replied wrote explained shouted".split())
_SPEECH_AFTER = frozenset("said says told asked replied wrote spent explained".split())
_ONLY_PEOPLE_DO = frozenset(
    "lives lived shouted shrugged whispered yelled sighed nodded grinned laughed married".split()
)
_FAMILY_OF = frozenset(
    "son sons daughter daughters wife husband kid kids child children brother brothers sister sisters aunt uncle "
    "cousin nephew niece mother father mom mum dad grandmother grandfather girlfriend boyfriend fiancé fiancée "
    "partner friend colleague boss roommate neighbour neighbor".split()
)
_OWNERS = frozenset("my your his her our their".split())
_SPOKEN_TO = frozenset(
    "said says talk talked talking speak spoke speaking gave given send sent wrote written write reply replied "
    "belongs belong listen listened listening assistant married engaged apologised apologized according thanks "
    "report reports reported explained addressed introduced".split()
)
_ABOUT_ONE = frozenset(
    "novel biography autobiography memoir concert trilogy residence household wedding funeral couple".split()
)
_CALLS_UPON = frozenset(
    "can could would will please do did are is have has what when where why who how you i we let stop come "
    "remember listen wait".split()
)
_ROLES_OF_ONE = frozenset(
    "beneficiary guardian user member owner holder contact admin administrator driver passenger guest tenant "
    "signatory executor dependent".split()
)
_MET = frozenset(
    "up speak speaking spoke spoken talk talking talked meet meeting met chat chatted dealt dealing".split()
)
_DONE_BY = frozenset(
    "directed written sung produced played composed signed called founded sold sent approved led ordered placed "
    "painted invented".split()
)
_TOGETHER = frozenset(
    "founders members guests employees kids children tenants users sons daughters brothers sisters".split()
)
_OF_ONE = frozenset("gender age birthday consent signature whereabouts".split())
_HUMAN = frozenset("person man woman guy girl boy lady gentleman human".split())
_ENDS = frozenset(".!?")
_SHOUTED = frozenset("shouted yelled screamed stared smiled laughed winked".split())
_AIMED_AT = frozenset("looked looking mad angry upset".split())
_WORK_BEFORE = frozenset(
    {"work for", "works for", "worked for", "work at", "works at", "employed by", "is from"}
)


@dataclass(frozen=True, slots=True)
class _Run:
    """Tokens `first` to `last` of a text, all of them name-like."""

    tokens: Sequence[Token]
    first: int
    last: int

    @property
    def words(self) -> list[Token]:
        """The parts that carry a name: no initials and no `van`."""
        tokens = self.tokens[self.first : self.last + 1]
        return [t for t in tokens if t.is_word and len(t.lower) > 1 and t.lower not in PARTICLES]

    def before(self, distance: int = 1) -> str:
        return self._word(self.first - distance, self.first)

    def after(self, distance: int = 1) -> str:
        return self._word(self.last + distance, self.last)

    def _word(self, i: int, beside: int) -> str:
        """The word at token `i` when it is on the line of token `beside`."""
        there = 0 <= i < len(self.tokens) and self.tokens[i].line == self.tokens[beside].line
        return self.tokens[i].lower if there else ""


def find_persons(tokens: Sequence[Token]) -> Iterator[PiiSpan]:
    """The names among tagged tokens, and every later mention by a part of such a name."""
    runs = list(_runs(tokens))
    scored = _with_company(_with_company([(run, _evidence(run)) for run in runs]))
    accepted = [run for run, score in scored if score >= ENOUGH]
    parts = {_bare(word) for run in accepted for word in run.words if len(_bare(word)) > 2}
    common = parts & lexicon().everyday
    families = {_bare(run.words[-1]) for run in accepted if len(run.words) > 1}
    for run, score in scored:
        mentioned = bool(run.words) and all(_bare(word) in parts - common for word in run.words)
        mentioned = mentioned or _is_family_again(run, common & families)
        if score >= ENOUGH or mentioned:
            sureness = min(0.95, 0.6 + max(score, ENOUGH) / 20)
            yield PiiSpan(PiiType.PERSON, tokens[run.first].start, _end(tokens[run.last]), sureness)


def _is_family_again(run: _Run, families: Set[str]) -> bool:
    """`Brad Key … and Key`: an everyday word alone, written as a name is where no sentence begins."""
    words = run.words
    return (
        len(words) == 1
        and words[0].is_capital
        and not words[0].text.isupper()
        and _bare(words[0]) in families
        and not _starts_sentence(run.tokens, run.first)
    )


def find_listed(tokens: Sequence[Token]) -> Iterator[PiiSpan]:
    """For texts that no tagger has read: a listed given name and a family name, as in `Camille Berthier`.

    The family name is listed or looks like one, or it ends its sentence, as in a signature.
    """
    names = lexicon()
    for i, (first, second) in enumerate(pairwise(tokens)):
        if not (first.is_capital and second.is_capital and first.line == second.line and second.gap):
            continue
        given, family = _bare(first), _bare(second)
        if given not in names.given or given in names.everyday or family in names.everyday:
            continue
        listed = family in names.family or family in names.given or family.endswith(NAME_ENDINGS)
        if listed or _ends_sentence(tokens, i + 1):
            yield PiiSpan(PiiType.PERSON, first.start, _end(second), 0.7)


def _ends_sentence(tokens: Sequence[Token], i: int) -> bool:
    last = i + 1 == len(tokens) or tokens[i + 1].line != tokens[i].line
    return last or tokens[i].text.endswith(".") or tokens[i + 1].text in ".,!?;)"


def _with_company(scored: list[tuple[_Run, float]]) -> list[tuple[_Run, float]]:
    """`Usamov and Bowers`: a name beside a name is likelier one."""
    result = []
    for i, (run, score) in enumerate(scored):
        beside = [scored[j] for j in (i - 1, i + 1) if 0 <= j < len(scored)]
        joined = sum(other >= ENOUGH and _are_joined(neighbour, run) for neighbour, other in beside)
        result.append((run, score + 1.5 * joined if 0 < score < ENOUGH else score))
    return result


def _are_joined(a: _Run, b: _Run) -> bool:
    first, second = sorted((a, b), key=lambda run: run.first)
    between = first.tokens[first.last + 1 : second.first]
    return 0 < len(between) <= 2 and all(t.lower in _JOINTS for t in between)


def _is_firm(run: _Run) -> bool:
    """A line `Owens, Duran and Oneal` of bare family names is a company's."""
    line = [t for t in run.tokens if t.line == run.tokens[run.first].line and t.text not in ">?*"]
    names = [t for t in line if t.is_capital and t.is_word]
    rest = [t.text for t in line if t not in names]
    return (
        len(names) >= 3 and "and" in rest and "," in rest and all(t in (",", "and", "'", "-") for t in rest)
    )


def _end(token: Token) -> int:
    is_initial = len(token.text) == 2 and token.text[0].isupper()
    return token.end - (1 if token.text.endswith(".") and not is_initial else 0) - _possessive(token.text)


def _possessive(text: str) -> int:
    return 2 if text.lower().endswith(("'s", "’s")) else 0


def _runs(tokens: Sequence[Token]) -> Iterator[_Run]:
    i = 0
    while i < len(tokens):
        if not _is_name_like(tokens[i]):
            i += 1
            continue
        last = _run_end(tokens, i)
        first = i
        while first < last and (tokens[first].lower in TITLES or _is_lead_in(tokens, first)):
            first += 1
        if tokens[first].lower not in TITLES:
            yield _Run(tokens, first, last)
        i = last + 1


def _run_end(tokens: Sequence[Token], first: int) -> int:
    last, i = first, first + 1
    while i < len(tokens) and tokens[i].line == tokens[first].line and tokens[i].gap:
        if (tokens[i - 1].text.endswith(".") and len(tokens[i - 1].text) > 4) or _possessive(
            tokens[i - 1].text
        ):
            break
        if tokens[first].is_capital and not tokens[i].is_capital and tokens[i].lower not in PARTICLES:
            break
        if (
            _is_name_like(tokens[i])
            or (_is_initial(tokens[i]) and tokens[i].is_capital)
            or _is_small_family(tokens, i)
        ):
            last = i
        elif (tokens[i].lower not in PARTICLES and not _is_initial(tokens[i])) or i - last > 2:
            break
        i += 1
    return last


def _is_small_family(tokens: Sequence[Token], i: int) -> bool:
    """`patricia desrosiers`, `patricia h desrosiers`: an uncommon word after a given name, in small letters."""
    names, before = lexicon(), tokens[i - 1].lower
    if i > 1 and _is_initial(tokens[i - 1]) and tokens[i - 2].line == tokens[i].line:
        before = tokens[i - 2].lower
    if (
        tokens[i].is_capital
        or (tokens[i - 1].is_capital and not _is_initial(tokens[i - 1]))
        or not tokens[i].is_word
        or before not in names.given
        or before in names.everyday
    ):
        return False
    return len(tokens[i].lower) > 3 and _bare(tokens[i]) not in names.everyday


def _is_initial(token: Token) -> bool:
    return token.is_word and len(token.text.rstrip(".")) == 1


def _is_lead_in(tokens: Sequence[Token], i: int) -> bool:
    """A capital at the start of a sentence that is an everyday word: `Hi Freddy`, `Why Samantha`."""
    return (
        tokens[i].lower in lexicon().everyday
        and tokens[i].lower not in lexicon().given
        and _starts_sentence(tokens, i)
    )


def _starts_sentence(tokens: Sequence[Token], i: int) -> bool:
    return i == 0 or tokens[i - 1].line != tokens[i].line or tokens[i - 1].text[-1] in '.?!:"”>'


def _is_name_like(token: Token) -> bool:
    if not token.is_word or _is_initial(token) or token.lower in TITLES:
        return False
    bare = _bare(token)
    if _CONTRACTION.search(bare):
        return False
    if token.is_capital:
        return token.tag in _PROPER or token.entity == "PERSON" or bare not in lexicon().everyday
    if "-" in token.text:
        return False
    return (
        (token.tag in _PROPER or token.entity == "PERSON")
        and bare not in lexicon().everyday
        and len(bare) > 2
    )


def _bare(token: Token) -> str:
    text = token.lower
    return text[: len(text) - _possessive(text)]


def _evidence(run: _Run) -> float:
    words = run.words
    if not words or _is_hopeless(run, words) or _is_firm(run):
        return 0.0
    return _from_words(words) + _from_shape(run, words) + _from_model(words) + _from_context(run, words)


def _is_hopeless(run: _Run, words: list[Token]) -> bool:
    bare = [_bare(w) for w in words]
    if any(w in ORGANISATION_WORDS for w in bare[:1] + bare[-1:]) or bare[-1] in MONTHS_AND_DAYS:
        return True
    if bare[0] in MONTHS_AND_DAYS and bare[0] not in lexicon().given:
        return True
    if all(w in COUNTRIES or w in NATIONALITIES for w in bare):
        return True
    return (
        run.after() in ORGANISATION_WORDS
        and run.last + 1 < len(run.tokens)
        and run.tokens[run.last + 1].is_capital
    )


def _from_words(words: list[Token]) -> float:
    names = lexicon()
    score = 0.0
    for position, token in enumerate(words):
        bare = _bare(token)
        pieces = re.split(r"[-'’]", bare)
        ordinary = bare in names.everyday
        if position == 0 and (bare in names.given or all(p in names.given for p in pieces)):
            score += 0.5 if ordinary else 3.4
        elif ordinary and (bare in names.family or bare in names.given):
            score += 0.2
        elif ordinary:
            score -= 1.5
        elif (len(bare) > 5 and bare.endswith(NAME_ENDINGS)) or re.match(
            r"(?:Mc|O['’])[A-Z]?[a-z]{2}", token.text
        ):
            score += 1.9
        elif (
            bare in names.family
            or bare in names.given
            or any(p in names.family for p in pieces if len(p) > 2)
        ):
            score += 1.5 if position else 1.2
        elif token.is_capital:
            score += 0.7 if bare.isascii() else 1.3
    return min(score, 4.4)


def _from_shape(run: _Run, words: list[Token]) -> float:
    score = 0.0
    inner = run.tokens[run.first + 1 : run.last]
    if any(_is_initial(t) for t in inner):
        score += 2.5
    if 2 <= len(words) <= 4 and not any(_bare(w) in lexicon().everyday for w in words):
        score += 0.8
    if not words[0].is_capital:
        score -= 0.6 if words[0].lower in lexicon().given else 2.0
    if any(t.text.isupper() and len(t.text) <= 4 for t in words) or any(
        _has_inner_capital(t.text) for t in words
    ):
        score -= 2.0
    return score


def _has_inner_capital(text: str) -> bool:
    return bool(re.search(r"[a-z][A-Z]", re.sub(r"^(?:Mc|Mac|De|Di|La|Le|Van|O['’])", "", text)))


def _from_model(words: list[Token]) -> float:
    labels = {w.entity for w in words} - {""}
    if "PERSON" in labels:
        return 2.0
    if labels & {"GPE", "LOC", "FAC", "PRODUCT", "NORP", "LANGUAGE", "EVENT", "LAW", "WORK_OF_ART"}:
        return -0.6
    return -0.3 if "ORG" in labels else 0.0


def _from_context(run: _Run, words: list[Token]) -> float:
    before, after = run.before(), run.after()
    return (
        _from_before(run, before)
        + _from_after(run, before, after)
        + _from_address(run)
        + _from_role(run)
        + _from_place(run, before, after)
        + _from_layout(run)
    )


def _from_before(run: _Run, before: str) -> float:
    score = 0.0
    if before in TITLES:
        score += 3.0
    if before.startswith("ex-"):
        score += 2.3
    if before in _FAMILY_OF and run.before(2) in _OWNERS:
        score += 2.7
    elif before in _PERSON_BEFORE:
        score += 0.8
    if before in _SPEECH_BEFORE and run.before(2)[-1:] in ('"', "”", "'", "’", ",", "!", "?"):
        score += 2.3
    if f"{run.before(2)} {before}" in _WORK_BEFORE:
        score -= 2.5
    return score + _from_company_kept(run, before)


def _from_company_kept(run: _Run, before: str) -> float:
    """`follow up with Žilková`, `directed by Key`, `our founders: Morrison, …`, `the consent of Frederikke`."""
    second = run.before(2)
    if (before == "with" and second in _MET) or (before == "by" and second in _DONE_BY):
        return 1.5
    if before in ("starring", "featuring") or (before == ":" and second in _TOGETHER):
        return 2.7
    return 3.0 if before == "of" and second in _OF_ONE else 0.0


def _from_after(run: _Run, before: str, after: str) -> float:
    possessive = run.tokens[run.last].text.endswith(("'s", "’s"))
    if possessive and after in _FAMILY_OF:
        return 2.3
    if after in _ONLY_PEOPLE_DO:
        return 2.9
    if after in _SPEECH_AFTER:
        return 2.3
    if after in _ABOUT_ONE and before in ("the", "a", "an"):
        return 1.9
    if after in ("is", "was") and any(run.after(d) in _HUMAN for d in (3, 4, 5, 6)):
        return 2.7
    return 0.8 if after in _PERSON_AFTER or possessive else 0.0


def _from_address(run: _Run) -> float:
    """Somebody is spoken to, or begins to speak: `Anna, can you …`, `Don't go, Mark!`, `Ella: What is it?`."""
    before, after, third = run.before(), run.after(), run.after(2)
    begins = _starts_sentence(run.tokens, run.first)
    if len(run.words) > 2:
        return 0.0
    if begins and after == "," and third in _CALLS_UPON:
        return 2.7
    if before == "," and after in _ENDS and run.words[0].lower in lexicon().given:
        return 2.6 if after == "!" else 1.0
    if before == "," and after in ("!", "?") and run.before(2) in ("me", "you", "go", "up", "on", "it"):
        return 1.5
    if _begins_line(run) and after == ":" and _labels_speakers(run):
        return 3.0
    return 0.0


def _from_role(run: _Run) -> float:
    """What somebody is made or called: `add Noe Ludwig as a guardian`, `named him Kiaan`, `Ines Alt from Acme`."""
    roles = {run.after(2), run.after(3)} if run.after() == "as" else set()
    if roles & _ROLES_OF_ONE:
        return 1.8
    if run.before() in ("him", "her", "me") and run.before(2) in ("named", "called", "call", "name"):
        return 2.7
    if run.after() == "from" and len(run.words) == 2 and _starts_sentence(run.tokens, run.first):
        return 1.0
    return 0.0


def _begins_line(run: _Run) -> bool:
    return run.first == 0 or run.tokens[run.first - 1].line != run.tokens[run.first].line


def _labels_speakers(run: _Run) -> bool:
    """Whether another line begins as this one does, with a capital word and a colon, and both say something."""
    tokens, labels = run.tokens, set[str]()
    for i, token in enumerate(tokens[:-2]):
        begins = i == 0 or tokens[i - 1].line != token.line
        says = tokens[i + 1].text == ":" and tokens[i + 2].line == token.line and tokens[i + 2].is_capital
        if begins and says and token.is_capital and token.lower not in lexicon().everyday:
            labels.add(token.lower)
    return len(labels) > 1


def _from_place(run: _Run, before: str, after: str) -> float:
    score = _from_direction(run, before) if before in _PLACE_BEFORE else 0.0
    if (
        after in _PLACE_AFTER
        or after in COUNTRIES
        or run.words[-1].lower in _PLACE_AFTER
        or run.words[-1].lower in COUNTRIES
    ):
        score -= 3.0
    if after[:1].isdigit() or before[:1].isdigit():
        score -= 2.0
    return score


def _from_direction(run: _Run, before: str) -> float:
    """What `in`, `to`, `at` … before a name speak against it, unless somebody is spoken or given to."""
    if any(run.before(d) in _TRAVEL for d in (2, 3, 4)):
        return -3.0
    if before == "at" and run.before(2) in _SHOUTED:
        return 2.8
    if before == "to" and any(run.before(d) in _SPOKEN_TO for d in (2, 3, 4)):
        return 1.2
    if before in ("in", "near", "at"):
        return 0.0 if before == "at" and run.before(2) in _AIMED_AT else -3.0
    if len(run.words) == 2 and _possessive(run.tokens[run.last].text):
        return 0.0
    return -0.4 if before == "of" else -1.0


def _from_layout(run: _Run) -> float:
    """A line of its own, a label before it, or quotation marks about it."""
    tokens = run.tokens
    alone_before = (
        run.first == 0
        or tokens[run.first - 1].line != tokens[run.first].line
        or tokens[run.first - 1].text in ">?:"
    )
    alone_after = run.last + 1 == len(tokens) or tokens[run.last + 1].line != tokens[run.last].line
    if alone_before and alone_after and 1 < len(run.words) <= 3:
        return 1.3
    by_label = (
        run.first >= 2
        and tokens[run.first - 1].text == ":"
        and run.before(2) in ("by", "name", "contact", "attn")
    )
    return 2.5 if by_label else 0.0
