"""What a customer says that speaks for a person: asks for one, is fed up, or touches on what a machine must not settle.

By words, in the languages that customers of an English or Chinese help desk write; it knows no model. Each finding is
the customer's own words, so that a decision can say what it rests on.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_I = re.IGNORECASE
_KIND = r"(?:real|live|actual|human|customer|support|service|care|senior)\s+"
_SOMEBODY = (
    rf"(?:(?:a|an|the|some|any|your|another|one of your)\s+)?(?:{_KIND}){{0,3}}"
    r"(?:humans?|human being|person|people|agents?|representatives?|reps?|operators?|advis[eo]rs?|supervisors?"
    r"|managers?|assistants?|staff|staff member|team member|someone|somebody)"
)
_ASKED = tuple(
    re.compile(pattern, _I)
    for pattern in (
        r"\b(?:talk|speak|spek|spk|speaking|talking|chat|chatting)\s+(?:(?:directly|now)\s+)?(?:to|with|2)\s+"
        rf"{_SOMEBODY}\b",
        r"\b(?:connect|transfer|put|pass|forward|hand|escalate)\s+(?:me|us|this|it)\s+(?:over\s+|through\s+|on\s+)?"
        rf"(?:to|with)\s+{_SOMEBODY}\b",
        r"\b(?:need|want|get|give|call|contact|reach|request|require)\s+(?:me\s+)?"
        r"(?:to\s+(?:contact|reach|call|get)\s+)?(?:(?:a|an|the|some)\s+)?(?:"
        r"(?:real|live|actual|human)\s+(?:human\s+)?(?:being|person|agent|representative|rep|operator|advis[eo]r)"
        r"|human\b|(?:customer|support|service)\s+(?:service\s+)?(?:agent|representative|rep|operator|advis[eo]r))",
        rf"\b(?:contact|contacting|reach|reaching)\s+(?:to\s+|with\s+)?{_SOMEBODY}\b",
        r"\b(?:is there|can i have|could i have|may i have)\s+(?:a|any|some)\s+(?:real |live |actual )?"
        r"(?:human|person|agent)\b",
        r"\b(?:not|stop being)\s+(?:a\s+|this\s+|some\s+)?(?:bot|chatbot|robot|machine)\b.{0,40}"
        r"\b(?:human|person|someone|agent)\b",
        r"^\W*(?:(?:real|live|actual|human|contact|support)\s+)?(?:human|person|agent|representative|operator)"
        r"(?:\s+(?:please|now|pls))?\W*$",
        # Chinese
        r"(?:转|找|要|换|接|叫)(?:接|到|个|一个|一下|成)?(?:人工|真人)|人工(?:客服|服务|坐席)"
        r"|(?:跟|和|与)(?:个|一个)?(?:真人|人工|客服|人类)[^。？！]{0,6}(?:说|聊|谈|沟通|联系|讲)",
        r"^\W*(?:人工|真人|客服)\W*$",
        # German, French, Spanish, Italian, Portuguese
        r"\bmit\s+(?:(?:einem|einer|'nem|nem)\s+)?(?:(?:echten|richtigen|menschlichen)\s+)?"
        r"(?:menschen|person|mitarbeiter(?:in)?|berater(?:in)?|kundenberater(?:in)?|jemandem)\b[^.?!]{0,25}"
        r"(?:sprechen|reden|schreiben|chatten|verbinden|verbunden|telefonieren)",
        r"\b(?:parler|discuter|échanger|en relation|en contact)\s+(?:à|a|avec)\s+(?:(?:un|une|vrai|vraie|votre)\s+)*"
        r"(?:humain|personne|conseill(?:er|ère)|agent|être humain|quelqu['’]un|opérateur)",
        r"\b(?:hablar|chatear|comunicarme|conectarme|contactar)\s+con\s+(?:(?:un|una|el|la)\s+)?"
        r"(?:(?:ser|verdadera?|real)\s+)?(?:human[oa]|persona|agente|asesora?|operadora?|alguien)",
        r"\bparlare\s+con\s+(?:(?:un|una|un['’])\s*)?(?:persona|operat(?:ore|rice)|essere umano|umano|qualcuno)",
        r"\bfalar\s+com\s+(?:(?:um|uma)\s+)?(?:pessoa|ser humano|humano|atendente|operador|agente|alguém)",
        # Japanese, Arabic
        r"(?:人間|オペレーター|担当者|有人)(?:の方)?(?:と|に|へ|で)?[^。？！]{0,8}(?:話|繋|つな|代わ|かわ|対応|お願い)",
        r"(?:التحدث|أتحدث|اتحدث|أتكلم|اتكلم|التكلم|الكلام|تحويلي|حولني)[^.؟!]{0,14}"
        r"(?:شخص|إنسان|انسان|موظف|ممثل|بشري|وكيل)",
    )
)
_REFUSED = re.compile(
    r"(?:\b(?:(?:don['’]?t|do not|didn['’]?t|did not)\s+(?:really\s+)?(?:want|need|wish|like|have)"
    r"|no need to|rather not|without|never)\b[^.?!,]{0,20}"
    r"|\bdo (?:i|we) (?:\w+ )?(?:have|need) to\b[^.?!,]{0,15}|\bam i\b[^.?!,]{0,10}"
    r"|(?:不|别|无需)(?:想|要|用|需要|必)?[^。？！，]{0,4}|\bnicht\b[^.?!,]{0,20}|\bne\b[^.?!,]{0,20})$",
    _I,
)
_AGREED = re.compile(
    r"^\W*(?:yes|yeah|yep|yup|sure|ok|okay|please|please do|yes please|go ahead|do it|do that"
    r"|that would be (?:great|good|nice)"
    r"|ja|ja bitte|gerne?|bitte|oui|s['’]il vous plaît|volontiers|sí|si|claro|por favor|sim|はい|お願いします|نعم|أجل"
    r"|好|好的|好啊|可以|是|是的|要|需要|行|嗯|麻烦了|麻烦您了?|请转|请)"
    r"(?:[\s,.!。，！]+(?:please|do|bitte|merci|gracias|thanks|thank you|that|it|go ahead|谢谢|麻烦了|请))*\W*$",
    _I,
)
_STRONG = re.compile(
    r"\b(?:you|this|it|that|bot|chatbot|service|support)(?:['’]re| are|['’]s| is)\s+(?:\w+\s+){0,2}"
    r"(?:useless|ridiculous|pathetic|unacceptable|a joke|garbage|a nightmare|no help|not helping|not helpful"
    r"|wasting my time|a waste of (?:my )?time|an outrage|disgraceful)\b"
    r"|\b(?:fed up|sick (?:and tired )?of|had enough of|at my wits['’]? end|losing my patience)\b"
    r"|\bfor the (?:third|fourth|fifth|sixth|tenth|hundredth|umpteenth|\d+(?:rd|th)) time\b"
    r"|\b(?:worst|terrible|horrible|awful) (?:customer )?(?:service|support|company|experience)\b"
    r"|\b(?:wtf|fuck\w*|bullshit|bloody (?:bot|thing|useless)|stupid (?:bot|thing|machine|robot))\b"
    r"|\b(?:not what i asked|you (?:don['’]?t|do not|never) (?:understand|listen))\b"
    r"|\b(?:already told you|told you (?:already|before))\b"
    r"|气死|烦死|受够了|什么破|浪费.{0,4}时间|答非所问|听不懂人话|(?:说|问)了.{0,3}(?:遍|次)|废物|太差劲|骗子"
    r"|\b(?:frechheit|unverschämt\w*|zumutung|nutzlos|zum (?:dritten|vierten|letzten) mal|es reicht)\b"
    r"|\b(?:ras[- ]le[- ]bol|inadmissible|scandaleux|n['’]importe quoi|j['’]en ai marre)\b"
    r"|\b(?:inaceptable|est(?:oy|amos) hart[oa]s?|es una vergüenza|pésim[oa])\b"
    r"|いい加減に|ふざけ|役に立たない|غير مقبول|سئمت",
    _I,
)
_MILD = re.compile(
    r"[!！]{2,}|[?？]{3,}|\b(?:still (?:not|no|doesn['’]?t|isn['’]?t|nothing)|yet again|once again|hello\?{2,})"
    r"|\bannoy\w*|\bfrustrat\w*|\bangry\b|\bnobody (?:answers|helps|replies)\b|没用|还是不行|怎么还",
    _I,
)
_SHOUTED_LETTERS = 15
_STRONG_WEIGHT, _MILD_WEIGHT = 1.0, 0.4
_REMEMBERED = 3
_FADES = 0.5
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w-])")
_WORD = re.compile(r"[^\W_]", re.UNICODE)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What speaks for a person; the texts are the customer's own words, empty where nothing does.

    Attributes:
        frustration: From 0; 1 is one outspoken complaint. What was said before counts half, and half again.
        contact: An e-mail address in the message.
        is_waiting: A person has been asked for in this conversation and is not here yet.
        found_nothing_before: The answer before this one was that nothing was found.
    """

    person: str = ""
    frustrated: str = ""
    frustration: float = 0.0
    sensitive: str = ""
    contact: str = ""
    is_waiting: bool = False
    found_nothing_before: bool = False


NO_WISHES = Wishes()


def wish_for_person(said: str, *, was_offered: bool = False) -> str:
    """The words that ask for a person, empty when none do.

    Args:
        was_offered: The assistant has just offered one, so that "yes please" asks for it.
    """
    for pattern in _ASKED:
        found = pattern.search(said)
        if found and not _REFUSED.search(said[: found.start()]):
            return found[0].strip()
    agreed = _AGREED.match(said) if was_offered else None
    return agreed[0].strip() if agreed else ""


def frustration(said: str, earlier: Sequence[str] = ()) -> tuple[float, str]:
    """How fed up the customer sounds, from 0, and the words of this message that say so.

    Args:
        earlier: What the customer said before, oldest first; a message without a complaint is not one because of them.
    """
    now, words = _complaint(said, earlier)
    if not now:
        return 0.0, ""
    before = 0.0
    for age, text in enumerate(reversed(earlier[-_REMEMBERED:]), 1):
        before += _complaint(text, ())[0] * _FADES**age
    return round(now + before, 2), words


def sensitive_topic(said: str, topics: Sequence[str]) -> str:
    """The first of the topics that is named: whole words, or characters where words are not set apart."""
    folded = said.casefold()
    return next((topic for topic in topics if _names(folded, topic.casefold())), "")


def email_in(said: str) -> str:
    """The first e-mail address, empty when there is none."""
    found = _EMAIL.search(said)
    return found[0] if found else ""


def _complaint(said: str, earlier: Sequence[str]) -> tuple[float, str]:
    strong, mild = _STRONG.search(said), _MILD.search(said)
    shouted = _is_shouted(said)
    repeated = any(_same(said, text) for text in earlier[-_REMEMBERED:])
    weight = _STRONG_WEIGHT * bool(strong) + _MILD_WEIGHT * (bool(mild) + shouted + repeated)
    words = strong or mild
    return weight, words[0].strip() if words else said[:60] if weight else ""


def _is_shouted(said: str) -> bool:
    letters = [c for c in said if c.isalpha() and c.lower() != c.upper()]
    return len(letters) >= _SHOUTED_LETTERS and sum(c.isupper() for c in letters) > 0.8 * len(letters)


def _same(one: str, other: str) -> bool:
    letters = ["".join(_WORD.findall(text.casefold())) for text in (one, other)]
    return len(letters[0]) > 5 and letters[0] == letters[1]


def _names(folded: str, topic: str) -> bool:
    if not topic.isascii():
        return topic in folded
    return re.search(rf"(?<!\w){re.escape(topic)}(?!\w)", folded) is not None
