"""Postal addresses of many countries, on one line or several, by their bones: numbers, street words, units, codes.

Nothing here asks a language model. An address is found at an anchor (a street word or a name beside a house number,
a unit such as `Apt. 12`, a post-office box) or after words that lead to one (`lives at`), and is then grown along
the line and the lines below while what follows still looks like a town, a state, a country or a postal code.
"""

import re
from collections.abc import Iterator, Sequence

from chatbot.privacy.lexicon import COUNTRIES, lexicon
from chatbot.privacy.patterns import Pattern, any_of
from chatbot.privacy.spans import PiiSpan, PiiType
from chatbot.privacy.tokens import Token

_STREET_WORDS = frozenset(
    "street str st avenue ave road rd lane ln drive dr boulevard blvd court ct place pl square sq "
    "squares terrace parkway pkwy "
    "highway hwy close crescent grove gardens mews alley trail loop parade esplanade quay walk row hill plaza "
    "rue allée chemin impasse quai place cours "
    "straße strasse gasse weg allee platz ring ufer damm "
    "via viale piazza corso vicolo largo strada calle avenida avda paseo carrera plaza camino rua "
    "travessa estrada largo praça "
    "alameda ladeira rodovia viela beco borgo contrada piazzale salita calçada glorieta ronda costanilla "
    "bulevardul aleea calea șoseaua soseaua splaiul intrarea drumul "
    "ul ulica al aleja plac utca u út útja tér krt körút rkp köz sor kapu "
    "ulice náměstí třída trg cesta ulitsa ulitza prospekt pereulok "
    "gata gatan väg vägen gade vej vei veien gränd straat laan plein kade weg gracht "
    "marg chowk nagar "
    "katu tie kuja polku tänav tee maantee puiestee λεωφόρος οδός leoforos odos".split()
)
_CAPITAL_STREET_WORDS = frozenset(
    "way yard rise green wharf view bank end hollow heights park vale field fields farm mill "
    "cottages common walk wood "
    "circle circus cove creek crossing dale drove estate estates expressway freeway garden glen haven island isle "
    "junction knoll knolls lake landing lodge manor meadow meadows mount mountain oval overpass passage "
    "pike pines plain plains prairie ranch ridge river shore shores spring springs spur stream summit throughway "
    "trace turnpike underpass valley viaduct village well wells".split()
)
_STREET_FIRST = frozenset("rue avenue boulevard chemin impasse allée quai place cours route".split())
_NUMBER_AFTER_COMMA = frozenset(
    "rua avenida travessa estrada largo praça alameda ladeira rodovia viela beco calçada "
    "calle avda paseo carrera camino plaza glorieta ronda costanilla "
    "via viale piazza corso vicolo largo strada borgo contrada piazzale salita".split()
)
_SHORT_STREET_WORDS = frozenset("ul str rue út tér krt köz vej vei".split())  # even in small letters
_BARE_STREET = re.compile(
    r"\b(?:on|at|along|off) (?P<value>(?:[A-Z][^\W\d_]+ ){1,3}"
    r"(?:Street|Avenue|Road|Lane|Boulevard|Drive|Crescent|Terrace))\b(?! [A-Z])"
)
_BARE_ROMANCE_STREET = re.compile(
    r"\b(?:on|at|along|off|to|is|live in) (?P<value>(?i:rue|avenue|boulevard|chemin|impasse|allée|quai|"
    r"viale|piazza|corso|calle|avenida|paseo|rua|travessa|praça) "
    r"(?:(?:de|du|des|la|le|les|della|dei|di|da|do|dos|del|los|las) |[dl]['’]){0,3}"
    r"[A-ZÀ-Þ][^\W\d_]+(?:[ -][A-ZÀ-Þ][^\W\d_]+){0,2})"
)
_STREET_ENDINGS = (
    "straße strasse gasse weg platz allee gatan gata vägen väg gränd gade vej vejen vei veien gate "
    "gaten straat laan plein dijk kade gracht "
    "singel hof katu kuja tie polku stræti straeti stígur vegur gerði braut holt terrasse stien "
    "svingen bakken krogen graben utca str boulevard torget baan"
).split()
_UNIT = frozenset(
    "apt apartment suite ste unit flat floor room rm building bldg block lot top tür wohnung "
    "appartement piso bte".split()
)
_BOX = re.compile(
    r"\bP\.? ?O\.? ?Box \d+|\bPostfach \d+|\b(?:PSC|CMR|Unit) \d+,? Box \d+|\b(?:USNS|USS|USCGC|USNV) "
    r"[A-Z]\w+(?=\s+(?:FPO|APO|DPO))|"
    r"\b(?:FPO|APO|DPO),? (?:AA|AE|AP) \d{5}",
    re.IGNORECASE,
)
_LEAD = any_of(
    "address(?:es)?(?: \\w+){0,3}?(?: is| to| with| are|:)",
    "lives? (?:at|on)",
    "lives? (?:\\w+ ){1,4}?of",
    "living at",
    "(?:re)?located (?:at|in)",
    "meet (?:me|you|us|him|her) at",
    "(?:ship|send|deliver|post|mail|sent|delivered|shipped|return|returned)(?: \\w+){0,3} to",
    "(?:deliver|leave|drop|collect|pick)(?: \\w+){0,3} at",
    "arrived at",
    "moved to",
    "staying at",
    "residing at",
    "reside at",
    "it['’]?s (?:in|at)",
    "the corner of",
    "address",
    "my new address is",
)
_POSTCODE = Pattern(
    PiiType.POSTCODE,
    re.compile(
        r"(?<![\w-])(?:[A-Za-z]{1,2}\d[A-Za-z\d]? ?\d[A-Za-z]{2}|[A-Za-z]\d[A-Za-z][ -]?\d[A-Za-z]\d|"
        r"[AC-FHKNPRTV-Y]\d[\dWw] ?[AC-FHKNPRTV-Y\d]{4}|[A-Z]{1,2}-\d{4,5}|"
        r"\d{5}-\d{3,4}|\d{4}-\d{3}|\d{2}-\d{3}|\d{3}[ -]\d{2}|\d{3}-\d{4}|"
        r"\d{4} ?[A-Za-z]{2}|\d{4,6}|\d{8})(?![\w-]|\.\d)"
    ),
    0.85,
    cue=any_of(
        r"zip(?: ?code)?",
        "post ?code",
        "postal code",
        "plz",
        "postleitzahl",
        "code postal",
        "cap",
        "código postal",
    ),
    reach=24,
)
_SHORT_POSTCODE = Pattern(
    PiiType.POSTCODE,
    re.compile(r"(?<![\w.-])\d{3}(?![\w-]|[.,]\d)"),
    0.85,
    cue=any_of(r"(?:zip|postal|post) ?code(?: is| was|:) ?$"),
    reach=20,
)
_TOWN_POSTCODE = re.compile(
    r"\b(?:in|from|near) (?P<town>[^\W\d_]{3,}(?:[ -][^\W\d_]{2,}){0,3}) (?P<code>\d{5}|\d{4}-\d{3})"
    r"(?=[.,;!?]?(?:$|\s+(?:in|and|or|for|to|on|since|is|with|but|[A-Z])\b))"
)
_UK_POSTCODE = Pattern(
    PiiType.POSTCODE,
    re.compile(
        r"\b(?:GIR ?0AA|[A-PR-UWYZ]\d{1,2} ?\d[ABD-HJLNP-UW-Z]{2}|[A-PR-UWYZ][A-HK-Y]\d[A-Z\d]? "
        r"?\d[ABD-HJLNP-UW-Z]{2})\b"
    ),
    0.8,
)
_LINE_MARKS = frozenset(">?*|-•")
_MOST_TOKENS = 48


def find_addresses(text: str, tokens: Sequence[Token]) -> Iterator[PiiSpan]:
    """Every postal address and every postal code that is called one."""
    yield from _POSTCODE.find(text)
    yield from _SHORT_POSTCODE.find(text)
    yield from _UK_POSTCODE.find(text)
    yield from _town_postcodes(text)
    leads = [match.end() for match in _LEAD.finditer(text)]
    walker = _Walker(tokens)
    taken = 0
    for first, last in walker.anchors(text):
        if first < taken:
            continue
        start, end = walker.left(first), walker.right(last)
        start = walker.first_of_pair(start, leads)
        led = any(tokens[start].start - 6 <= lead <= tokens[first].end for lead in leads)
        if led or walker.is_convincing(start, end, first, last):
            taken = end + 1
            yield PiiSpan(PiiType.ADDRESS, tokens[start].start, tokens[end].end - _closes(tokens[end]), 0.92)
    yield from _corners(text, tokens, walker)
    for bare in (_BARE_STREET, _BARE_ROMANCE_STREET):
        for match in bare.finditer(text):
            yield PiiSpan(PiiType.ADDRESS, *match.span("value"), 0.75)


def _town_postcodes(text: str) -> Iterator[PiiSpan]:
    """The code after a town: `in Quinta de São Tiago 3610-114`. No word of the town is an everyday one."""
    everyday = lexicon().everyday
    for match in _TOWN_POSTCODE.finditer(text):
        words = re.findall(r"[^\W\d_]+", match["town"])
        rare = [w for w in words if w.lower() not in _JOINING]
        if rare and not any(w.lower() in everyday or w.isupper() for w in rare):
            yield PiiSpan(PiiType.POSTCODE, *match.span("code"), 0.8)


def _corners(text: str, tokens: Sequence[Token], walker: "_Walker") -> Iterator[PiiSpan]:
    """`the corner of A 12 and B`: two streets and no house."""
    for match in re.finditer(r"\b(?:the )?corner of ", text, re.IGNORECASE):
        index = next((i for i, t in enumerate(tokens) if t.start >= match.end()), None)
        if index is None:
            continue
        end = walker.street_pair(index)
        if end is not None:
            yield PiiSpan(PiiType.ADDRESS, match.start(), tokens[end].end, 0.93)


class _Walker:
    """Steps along the tokens of one text."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._words = lexicon()

    def anchors(self, text: str) -> Iterator[tuple[int, int]]:
        """First and last token of each place where an address shows itself, in reading order."""
        boxes = [match.span() for match in _BOX.finditer(text)]
        for i, token in enumerate(self._tokens):
            for start, end in boxes:
                if token.start == start:
                    yield i, self._index_before(end, i)
            found = self._street_at(i) or self._unit_at(i)
            if found:
                yield found

    def _index_before(self, end: int, i: int) -> int:
        while i + 1 < len(self._tokens) and self._tokens[i + 1].start < end:
            i += 1
        return i

    def _street_at(self, i: int) -> tuple[int, int] | None:
        """A number and a street, either way round, beginning at token `i`: `12 Main Street`, `Puruntie 82`."""
        if self._tokens[i].is_number:
            return self._numbered_first(i)
        return self._numbered_last(i)

    def _numbered_first(self, i: int) -> tuple[int, int] | None:
        if not _is_house_number(self._tokens[i]):
            return None
        last, name = i, self._after_number(i)
        for j in range(name, min(i + 8, len(self._tokens))):
            token = self._tokens[j]
            if not self._goes_on(j) or not (self._is_name_like(token) or token.is_number):
                break
            if (
                self._is_street_word(token)
                or (j > name and _is_capital_street_word(token))
                or (token.is_number and last == i and self._has_rare_name(i + 1, j))
            ):
                last = j
        return (i, last) if last > i else None

    def _after_number(self, i: int) -> int:
        """Where the name begins after house number `i`: `57, avenue Anne Caron`, `61/265, Bhargava Street`."""
        tokens, j = self._tokens, i + 1
        if j + 1 < len(tokens) and tokens[j].text == "/" and tokens[j + 1].is_number:
            j += 2
        if j + 1 < len(tokens) and tokens[j].text == "," and self._goes_on(j + 1):
            name = [t for t in tokens[j + 1 : j + 4] if t.line == tokens[i].line]
            begins = bool(name) and name[0].lower in _STREET_FIRST
            ends = any(t.is_capital and self._is_street_word(t) for t in name[1:])
            return j + 1 if begins or ends else i + 1
        return j

    def _numbered_last(self, i: int) -> tuple[int, int] | None:
        token = self._tokens[i]
        if (
            not token.is_word
            or not (token.is_capital or self._is_street_word(token))
            or self._follows_name(i)
        ):
            return None
        for j in range(i, min(i + 6, len(self._tokens))):
            here = self._tokens[j]
            if j > i and not self._goes_on(j):
                return None
            if j > i and _closes(self._tokens[j - 1]):
                return None
            if here.is_number:
                if not here.gap:  # `IPv6`
                    return None
                return (
                    (i, j)
                    if _is_house_number(here) and any(self._is_rare(t) for t in self._tokens[i:j])
                    else None
                )
            if not self._is_name_like(here) and not (
                here.text == "," and self._takes_number_after_comma(i, j)
            ):
                return None
        return None

    def _takes_number_after_comma(self, i: int, j: int) -> bool:
        """`Travessa de Tavares, 51`: the Romance way, with the kind of street first."""
        return j > i + 1 and self._tokens[i].lower in _NUMBER_AFTER_COMMA

    def _unit_at(self, i: int) -> tuple[int, int] | None:
        token = self._tokens[i]
        if token.lower not in _UNIT or i + 1 >= len(self._tokens) or not self._tokens[i + 1].is_number:
            return None
        return i, i + 1

    def _follows_name(self, i: int) -> bool:
        """The token before is of the same run, which therefore has been looked at already."""
        return i > 0 and self._goes_on(i) and self._tokens[i - 1].is_capital and self._tokens[i - 1].is_word

    def _goes_on(self, i: int) -> bool:
        """Token `i` stands on the line of the one before."""
        return self._tokens[i].line == self._tokens[i - 1].line

    def _is_street_word(self, token: Token) -> bool:
        word = token.lower
        if not token.is_word:
            return False
        if word in _STREET_WORDS:
            return (
                token.is_capital or len(word) > 3 or token.text.endswith(".") or word in _SHORT_STREET_WORDS
            )
        return len(word) > 6 and word.endswith(tuple(_STREET_ENDINGS)) and word not in self._words.everyday

    def _is_name_like(self, token: Token) -> bool:
        if not token.is_word:
            return token.text in "'’-" or (token.text[0].isdigit() and not token.is_number)
        return (
            token.is_capital or self._is_street_word(token) or token.lower in _SMALL or self._is_rare(token)
        )

    def _is_rare(self, token: Token) -> bool:
        return token.is_word and len(token.lower) > 2 and token.lower not in self._words.everyday

    def _has_rare_name(self, start: int, end: int) -> bool:
        return any(self._is_rare(t) for t in self._tokens[start:end])

    def left(self, first: int) -> int:
        """The first token of the address: house numbers, names and line starts before its anchor."""
        i = first
        while i > 0 and first - i < 8:
            before = self._tokens[i - 1]
            same_line = before.line == self._tokens[i].line
            if same_line and (_is_house_number(before) or (self._is_part(before) and not _closes(before))):
                i -= 1
            elif (same_line and before.text in ",." and i > 1 and self._tokens[i - 2].is_number) or (
                before.lower == "and" and self._begins_pair(i - 2)
            ):
                i -= 2
            elif not same_line and self._begins_address(i - 1):
                i -= 1
            else:
                break
        while i < first and not (self._tokens[i].is_word or self._tokens[i].is_number):
            i += 1
        return i

    def _begins_pair(self, i: int) -> bool:
        """Token `i` is the first street of `Maarit and Hersnapvej 75`: alone in its line or after a colon."""
        if i < 0 or not (self._tokens[i].is_capital and self._is_rare(self._tokens[i])):
            return False
        return i == 0 or self._tokens[i - 1].text in ":>?" or self._tokens[i - 1].line != self._tokens[i].line

    def first_of_pair(self, start: int, leads: Sequence[int]) -> int:
        """`start`, or the first street of `return to Leon and Eyrarodda 66` where a lead-in ends before it."""
        i = start - 2
        if i < 0 or self._tokens[start - 1].lower != "and" or not self._tokens[i].is_capital:
            return start
        led = any(self._tokens[i].start - 2 <= lead <= self._tokens[i].start for lead in leads)
        return i if led and self._is_rare(self._tokens[i]) else start

    def _begins_address(self, i: int) -> bool:
        """The line that ends at token `i` holds a number and nothing but parts of an address."""
        line = [t for t in self._tokens[max(0, i - 8) : i + 1] if t.line == self._tokens[i].line]
        return any(t.is_number for t in line) and all(t.is_number or self._is_part(t) for t in line)

    def _is_part(self, token: Token) -> bool:
        return token.is_word and (
            (token.is_capital and token.lower not in self._words.everyday)
            or self._is_street_word(token)
            or token.lower in _UNIT
        )

    def right(self, last: int) -> int:
        """The last token of the address: units, towns, states, codes and countries after its anchor."""
        end = last
        i = last + 1
        while i < len(self._tokens) and i - last < _MOST_TOKENS:
            token = self._tokens[i]
            if (
                token.line - self._tokens[end].line > 2
                or self._is_other_matter(i)
                or self._is_past_sentence(i, end)
            ):
                break
            if token.is_number or self._is_place_word(i):
                end = i
            elif token.text not in _SEPARATORS and token.text not in _LINE_MARKS:
                break
            i += 1
        return end

    def _is_other_matter(self, i: int) -> bool:
        """A number that is no part of an address: a telephone or a card, or the next sentence."""
        token = self._tokens[i]
        if token.is_number:
            after = self._tokens[i + 1 : i + 3]
            joined = (
                len(after) == 2
                and after[0].text in "-./"
                and after[1].is_number
                and not (after[0].gap or after[1].gap)
            )
            long = len(token.text) > 6
            more = sum(t.is_number for t in self._tokens[i : i + 3] if t.line == token.line) > 2
            return long or more or (joined and not _is_dashed_postcode(self._tokens[i : i + 3]))
        marks = i > 1 and self._tokens[i - 2].text in _LINE_MARKS
        return i > 0 and self._tokens[i - 1].text in "?!" and token.gap and not marks

    def _is_past_sentence(self, i: int, end: int) -> bool:
        """A full stop on this line closed the sentence: no abbreviation before it, or an everyday word after it."""
        token, last, before = self._tokens[i], self._tokens[end], self._tokens[i - 1]
        if token.line != last.line:
            return False
        if i - 1 == end and last.is_word and last.text.endswith("."):
            return len(last.text) > 5 and last.lower not in _UNIT
        if before.text == "." and token.is_word:
            return token.lower in self._words.everyday and token.lower not in _UNIT
        return False

    def _is_place_word(self, i: int) -> bool:
        token = self._tokens[i]
        if not token.is_word:
            return False
        if token.lower in _UNIT or token.lower in COUNTRIES or self._is_street_word(token):
            return True
        if token.text in _PRONOUNS or self._is_labelled(i) or self._starts_sentence(i):
            return False
        if token.is_capital:
            return True
        return (
            self._is_rare(token)
            or (token.lower in _JOINING and self._capital_follows(i))
            or self._is_lone_state(i)
        )

    def _is_labelled(self, i: int) -> bool:
        """`Mobile:` begins the next field."""
        return i + 1 < len(self._tokens) and self._tokens[i + 1].text == ":"

    def _starts_sentence(self, i: int) -> bool:
        before, token = self._tokens[i - 1], self._tokens[i]
        ended = before.text in (".", "?", "!") or (
            before.text.endswith(".") and before.lower not in _STREET_WORDS
        )
        return ended and token.lower in self._words.everyday and not self._is_street_word(before)

    def _capital_follows(self, i: int) -> bool:
        return i + 1 < len(self._tokens) and self._tokens[i + 1].is_capital and self._tokens[i + 1].is_word

    def _is_lone_state(self, i: int) -> bool:
        """Two small letters before a code, after a comma or a box: `delmas, mp 35739`, `dpo ap 51065`."""
        after = self._tokens[i + 1 : i + 2]
        return (
            len(self._tokens[i].text) == 2
            and (self._tokens[i - 1].text == "," or self._tokens[i - 1].lower in _BOXED)
            and bool(after)
            and after[0].is_number
        )

    def is_convincing(self, start: int, end: int, first: int, last: int) -> bool:
        """Whether a find that no word led to is an address: it has a street, or several of its parts."""
        tokens = self._tokens[start : end + 1]
        anchor = self._tokens[first : last + 1]
        streets = any(self._is_street_word(t) or _is_capital_street_word(t) for t in anchor)
        single = sum(t.is_number for t in anchor) < 2 and anchor[0].is_word
        numbers = sum(t.is_number for t in tokens)
        units = any(t.lower in _UNIT for t in tokens)
        boxed = any(t.lower in _BOXED for t in tokens)
        several_lines = tokens[-1].line > tokens[0].line
        commas = any(t.text == "," for t in tokens)
        return (
            boxed
            or (streets and numbers >= 1)
            or (numbers >= 2 and (units or several_lines or (commas and not single)))
        )

    def street_pair(self, i: int) -> int | None:
        """The last token of `A 12 and B` beginning at token `i`, or None."""
        end, joined = None, False
        for j in range(i, min(i + 14, len(self._tokens))):
            token = self._tokens[j]
            if token.lower == "and" and not joined:
                joined = True
            elif (token.is_word and self._is_name_like(token)) or token.is_number:
                end = j
            elif token.text == "." and end == j - 1 and self._tokens[end].is_number:
                continue
            else:
                break
        return end if joined else None


_SEPARATORS = frozenset(",()/'’-#&.")
_JOINING = frozenset(
    "de da do dos das del della di du des la le les el van von der den den het op aan am an im bei sur en".split()
)
_SMALL = _JOINING | frozenset(
    "first second third fourth fifth sixth seventh eighth ninth tenth north south east west old new ten ter".split()
)
_PRONOUNS = frozenset(
    ["I", "My", "The", "And", "But", "Please", "Is", "It", "You", "We", "Can", "Could", "For"]
)
_BOXED = frozenset("box psc cmr fpo apo dpo postfach".split())


def _closes(token: Token) -> bool:
    """A word with a full stop that is no abbreviation."""
    return (
        token.is_word and token.text.endswith(".") and len(token.text) > 5 and not token.text.endswith("str.")
    )


def _is_capital_street_word(token: Token) -> bool:
    """`Yard` in `3 Plover Yard`: words that are too common to count in small letters."""
    return token.is_capital and token.lower in _CAPITAL_STREET_WORDS


def _is_house_number(token: Token) -> bool:
    return token.is_number and len(token.text) <= 6


def _is_dashed_postcode(tokens: Sequence[Token]) -> bool:
    return (
        len(tokens) == 3
        and tokens[2].is_number
        and (len(tokens[0].text), len(tokens[2].text)) in ((4, 3), (5, 3), (5, 4))
    )
