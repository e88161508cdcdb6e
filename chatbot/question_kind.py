"""Which kind of question is asked: how, whether, how long … By words alone; it knows no model.

Two questions on the same subject can want different answers: whoever asks how something is done is not helped by a
"No." to whether it costs anything. English, German, French, Spanish and Chinese.
"""

import re
import unicodedata
from collections.abc import Iterable
from enum import StrEnum

from chatbot.text import is_chinese


class QuestionKind(StrEnum):
    """What a question asks for."""

    HOW = "how"
    HOW_LONG = "how long"
    HOW_MUCH = "how much"
    WHEN = "when"
    WHERE = "where"
    WHO = "who"
    WHY = "why"
    WHAT = "what"
    WHETHER = "whether"


_K = QuestionKind
_CLAUSE = re.compile(r"[.?!,;:¿¡\n]+|\s[-–—]+\s|\b(?:and|but|und|aber|et|mais|y|pero)\b", re.IGNORECASE)
_POLITE = re.compile(  # what stands before the question itself
    r"^(?:(?:hi|hello|hey|hallo|bonjour|hola|please|pls|bitte|so|ok|okay|also|well)\s+)*"
    r"(?:(?:can|could|would|will) (?:you|anyone|somebody) (?:please )?(?:tell|explain|show|let)(?: (?:to )?(?:me|us))?"
    r"(?: know)?|(?:do|does) (?:you|anyone|anybody) know|(?:please )?(?:tell|show|explain)(?: (?:to )?(?:me|us))?"
    r"|i(?:['’]d| would)? (?:want|need|like|love) to know|i(?:['’]m| am)? (?:wonder|wondering|asking)|any idea"
    r"|not sure|konnen sie mir (?:sagen|erklaren)|konnt ihr mir sagen|wissen sie|ich mochte wissen"
    r"|pouvez[- ]vous me (?:dire|expliquer)|savez[- ]vous|je (?:veux|voudrais) savoir"
    r"|(?:me )?puede(?:s|n)? decir(?:me)?|sabe(?:s|n)?|quiero saber|quisiera saber)?\s*"
)
_BEFORE = r"(?:(?:for|in|at|on|to|up to|after|within|fur|in|auf|a|para) )?"
_SUBJECT = (
    r"(?:i|you|we|they|he|she|it|this|that|these|those|there|the|a|an|any|my|your|our|its|all|both|some)\b"
)
_OPENERS: tuple[tuple[QuestionKind, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(rf"^{_BEFORE}(?:{pattern})"))
    for kind, pattern in (
        (
            _K.HOW_LONG,
            r"how (?:long|soon|quickly|late|early)\b"
            r"|how many (?:seconds|minutes|hours|(?:working |business )?days|weeks|months|years)\b"
            r"|wie viele (?:minuten|stunden|tage|wochen|monate|jahre)\b|wie (?:lange?|schnell|bald)\b"
            r"|combien de (?:temps|jours)\b"
            r"|(?:en )?cuanto (?:tiempo|tarda\w*|demora\w*)\b|within (?:what|which) time",
        ),
        (
            _K.HOW_MUCH,
            r"how (?:much|many|far|big|large|often|fast|high|expensive|old)\b"
            r"|what(?:['’]?s| is| are| does| do| will| would)?\b[^,.?]{0,40}\b(?:costs?|prices?|fees?|charge)\b"
            r"|wie ?(?:viele?|hoch|teuer|oft|weit|gross)\b|was kostet|was kosten|combien\b|cuant[oa]s?\b"
            r"|que (?:precio|cuesta)\b|quel est le prix",
        ),
        (
            _K.WHEN,
            r"when\b|(?:by |until )?(?:what|which) (?:time|date|day)\b|wann\b|bis wann\b|quand\b|cuando\b",
        ),
        (_K.WHERE, r"where\b|wo\b|woher\b|wohin\b|ou (?!bien)|d['’]ou\b|(?:a |de )?donde\b|adonde\b"),
        (_K.WHO, r"who(?:['’]s|m|se)?\b|wer\b|wem\b|wen\b|qui\b|a qui\b|quien(?:es)?\b|a quien\b"),
        (_K.WHY, r"why\b|how come\b|warum\b|wieso\b|weshalb\b|pourquoi\b|por ?que\b"),
        (
            _K.HOW,
            r"how\b(?! about)|what (?:should|can|could|must|do|shall) (?:i|we) (?:have to |need to )?do\b|what to do\b"
            r"|(?:is there|are there) (?:a|any|some) ways?\b|wie\b|was (?:kann|soll|muss) ich (?:tun|machen)\b"
            r"|comment\b|que (?:dois|puis)-je faire|como\b|que (?:puedo|debo|tengo que) hacer",
        ),
        (
            _K.WHETHER,
            rf"(?:can|could|do|does|did|is|are|am|was|were|will|would|should|shall|may|might|must|has|have|had)"
            rf"(?:n?['’]t)? (?:\w+ly )?{_SUBJECT}"
            r"|(?:can|could|do|does|did|is|are|will|would|should|may|must|has)\s(?!not\b|no\b|we have\b)\w"
            r"|(?:kann|konnen|darf|durfen|muss|mussen|soll|sollen|ist|sind|gibt es|hat|haben|habt|wird|werden|bekomme"
            r"|brauche|geht|gilt|gelten|bietet|bieten|liefert|liefern|lasst|funktioniert|passt) \w"
            r"|est[- ]ce\b|y a[- ]t[- ]il|\w+-(?:je|tu|il|elle|on|nous|vous|ils|elles)\b"
            r"|(?:se )?pued[oe](?:s|n|mos)? |podria|hay |tengo |tienen |tiene |debo |esta |estan |hacen |aceptan "
            r"|ofrecen |envian |es (?:posible|gratis|necesari[oa]|obligatori[oa]|compatible)",
        ),
        (
            _K.WHAT,
            r"what(?:['’]s|s)?\b(?! about)|which\b|was\b|welche[rsmn]?\b|qu['’]|que\b|quels?\b|quelles?\b|quoi\b"
            r"|cual(?:es)?\b",
        ),
    )
)
_CHINESE: tuple[tuple[QuestionKind, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        (_K.HOW_LONG, "多久|多长时间|(?:几|多少)(?:个?工作)?(?:分钟|个?小时|天|周|个月|年)"),
        (_K.HOW_MUCH, "多少|几个|几台|几次|多大|多高|多远"),
        (_K.WHEN, "什么时候|何时|几点|哪天"),
        (_K.WHERE, "哪里|哪儿|在哪|何处|什么地方"),
        (_K.WHO, "谁"),
        (_K.WHY, "为什么|为何|怎么会|怎么回事"),
        (_K.HOW, "怎么|怎样|如何|咋"),
        (_K.WHETHER, "吗|是否|能不能|可不可以|是不是|有没有|会不会|要不要|行不行"),
        (_K.WHAT, "什么|哪"),
    )
)
_OPEN = frozenset(_K) - {_K.WHETHER}
_ALSO_ANSWERED_BY: dict[QuestionKind, frozenset[QuestionKind]] = {
    _K.WHAT: _OPEN,
    _K.WHETHER: _OPEN,  # the fact itself says yes or no
    _K.HOW: frozenset({_K.WHAT, _K.WHERE, _K.WHY}),
    _K.WHERE: frozenset({_K.WHAT, _K.HOW}),
    _K.WHY: frozenset({_K.WHAT, _K.HOW}),
    _K.WHEN: frozenset({_K.WHAT, _K.HOW_LONG}),
    _K.HOW_LONG: frozenset({_K.WHAT, _K.WHEN}),
    _K.HOW_MUCH: frozenset({_K.WHAT}),
    _K.WHO: frozenset({_K.WHAT}),
}


def question_kind(text: str) -> QuestionKind | None:
    """The kind of the first question in a text; None where no words say it, as in "stop my subscription"."""
    if is_chinese(text):
        return next((kind for kind, pattern in _CHINESE if pattern.search(text)), None)
    clauses = (_folded(clause) for clause in _CLAUSE.split(text))
    return next((kind for clause in clauses if clause and (kind := _opened(clause))), None)


def is_answered_by(asked: QuestionKind | None, known: QuestionKind | None) -> bool:
    """Whether the answer to a known question can be one to the question asked, as far as their kinds go.

    A fact answers whether it is so; a yes or no answers no open question. What is of no kind is taken as it is.
    """
    return asked is None or known is None or asked is known or known in _ALSO_ANSWERED_BY[asked]


def fits(question: str, phrasings: Iterable[str]) -> bool:
    """Whether a question is of a kind that one of the phrasings of a known question is of, or none of them is any."""
    asked = question_kind(question)
    kinds = {kind for text in phrasings if (kind := question_kind(text))}
    return not kinds or any(is_answered_by(asked, kind) for kind in kinds)


def _opened(clause: str) -> QuestionKind | None:
    rest = _POLITE.sub("", clause, count=1)
    for part in (rest, clause) if rest else (clause,):
        for kind, pattern in _OPENERS:
            if pattern.match(part):
                return kind
    return None


def _folded(clause: str) -> str:
    plain = unicodedata.normalize("NFKD", clause.replace("ß", "ss").casefold())
    return " ".join("".join(c for c in plain if not unicodedata.combining(c)).split())
