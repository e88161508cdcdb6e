"""Plain text and Markdown in which a speaker's name stands in front of what is said, as messengers export it."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TextIO

from finetune.conversations import Role
from finetune.transcripts.lines import TooLong, bounded_lines
from finetune.transcripts.roles import part_of
from finetune.transcripts.times import iso_time
from finetune.transcripts.values import Dropped, Found, RawMessage, Source

_DATE = r"\d{1,4}[-./年]\d{1,2}[-./月]\d{1,4}日?[,T]?\s*"
_CLOCK = rf"(?:(?:{_DATE})?\d{{1,2}}:\d{{2}}(?::\d{{2}})?(?:[.,]\d{{1,3}})?(?:\s*[AaPp]\.?[Mm]\.?)?(?:\s*(?:UTC|Z))?)"
_NAME = r"[^\W\d_][^:：\n\[\]<>*]{0,59}?"
_LINE = re.compile(
    rf"^\s*(?:[-*•]\s+)?(?:[\[(]?(?P<before>{_CLOCK})[\])]?\s*[-–—]?\s*)?"
    rf"(?:(?P<mark>\*\*|__)(?P<bold>{_NAME})(?P=mark)|(?:\*\*)?(?P<name>{_NAME}))"
    rf"\s*(?:[\[(,]?\s*(?P<after>{_CLOCK})\s*[\])]?)?\s*[:：](?!//)\**\s*(?P<text>.*)$"
)
_MARKDOWN = re.compile(
    rf"^\s*(?:(?:#+\s+)?\*\*(?P<bold>{_NAME})\*\*|#+\s+(?P<name>{_NAME}))"
    rf"(?:,?\s*[\[(]?(?P<after>{_CLOCK})[\])]?)?\s*[:：]?\s*$"
)
_ANGLED = re.compile(rf"^\s*(?:\[?(?P<before>{_CLOCK})\]?\s*)?<(?P<name>[^<>@\n]{{1,40}})>\s+(?P<text>.*)$")
_BREAK = re.compile(
    r"^\s*(?:-{3,}|={3,}|\*{3,}|_{3,}|#{1,6}\s+\S.*|\f.*"
    r"|#*\s*(?:conversation|chat|ticket|call|case|session|会话|对话)\s*(?:id|no\.?|number|编号)?\s*[#:：]?\s*#?[\w-]*\d[\w-]*\s*:?)\s*$",
    re.IGNORECASE,
)
_ONLY_TIME = re.compile(rf"^\s*[\[(]?{_CLOCK}[\])]?\s*$")
_STAGE = re.compile(
    r"^\s*(?:\[[^\[\]]{1,200}\]|\*[^*]{1,200}\*|[(\[]?(?:end of (?:call|transcript|chat|conversation)"
    r"|transcript start\w*|(?:chat|call|conversation) (?:started|ended|begins|ends|closed)|会话结束|通话结束)"
    r"\b[^\n]{0,80})\s*$",
    re.IGNORECASE,
)
_NO_SPEAKERS = frozenset(
    "note notes step tip warning subject date time email e-mail mail phone tel order url http https link address name"
    " important example error status total price ps p.s version option account update result reference to cc bcc"
    " id number re fwd question answer hint attention monday tuesday wednesday thursday friday saturday sunday"
    " 注意 提示 步骤 地址 电话 时间 价格 日期 备注 网址 链接 订单号".split()
)
_MAX_WORDS = 5


def text_conversations(file: TextIO, source: Source) -> Iterator[Found | Dropped]:
    """The conversations of a text: parted by rules, headings or titles such as `Conversation 12`."""
    lines: list[tuple[int, str]] = []
    limit, size = source.limits.max_item_chars, 0
    for number, line in bounded_lines(file, limit):
        if isinstance(line, TooLong):
            yield source.dropped(number, "too_long", f"the line is longer than {limit:,} characters")
            continue
        size += len(line)
        if size > limit:
            yield source.dropped(lines[0][0], "too_long", f"a conversation of more than {limit:,} characters")
            lines, size = [], 0
        if _BREAK.match(line) and not _is_speaker(line, source.options.roles):
            yield from _conversation(lines, source)
            lines, size = [], 0
        else:
            lines.append((number, line.rstrip("\r\n")))
    yield from _conversation(lines, source)


def messages_in(text: str, roles: Mapping[str, Role]) -> tuple[RawMessage, ...]:
    """The messages of one conversation; none when no line says who speaks."""
    return _messages(text.splitlines(), roles)


def _is_speaker(line: str, roles: Mapping[str, Role]) -> bool:
    """Whether a heading names a speaker (`## Customer`) and not the next conversation."""
    found = _MARKDOWN.match(line)
    return bool(found and part_of(found["bold"] or found["name"], roles))


def _conversation(lines: Sequence[tuple[int, str]], source: Source) -> Iterator[Found | Dropped]:
    written = [(number, line) for number, line in lines if line.strip("\ufeff \t")]
    if not written:
        return
    number = written[0][0]
    messages = _messages([line for _, line in lines], source.options.roles)
    if messages:
        yield Found(number, messages)
    elif len(written) > 1 or not lines[0][1].lstrip().startswith(("#", "{")):
        yield source.dropped(number, "no_role", "no line says who speaks (`Customer: …`, `Agent: …`)")


def _messages(lines: Sequence[str], roles: Mapping[str, Role]) -> tuple[RawMessage, ...]:
    heads = [_head(line) for line in lines]
    speakers = _speakers([h[0] for h in heads if h], roles)
    said: list[tuple[str, str, list[str]]] = []
    for line, head in zip(lines, heads, strict=True):
        if head and head[0] in speakers:
            said.append((head[0], head[1], [head[2]]))
        elif said and not _ONLY_TIME.match(line) and not _STAGE.match(line):
            said[-1][2].append(line)
    return tuple(RawMessage(who, "\n".join(text).strip(), iso_time(at)) for who, at, text in said)


def _head(line: str) -> tuple[str, str, str] | None:
    """Speaker, time and text of a line that may begin a message."""
    found = _MARKDOWN.match(line) or _ANGLED.match(line) or _LINE.match(line)
    if not found:
        return None
    parts = found.groupdict()
    name = (parts.get("bold") or parts.get("name") or "").strip(" *_-–")
    if not name or len(name.split()) > _MAX_WORDS + 1:
        return None
    return name, parts.get("before") or parts.get("after") or "", parts.get("text") or ""


def _speakers(candidates: Sequence[str], roles: Mapping[str, Role]) -> set[str]:
    """Which of the names in front of colons are speakers: those with a role, and names that come back.

    A name that comes once is taken only when otherwise one side would never speak.
    """
    counts = Counter(candidates)
    parts = {name: part_of(name, roles) for name in counts}
    accepted = {name for name, part in parts.items() if part}
    accepted |= {name for name, count in counts.items() if count > 1 and _is_name(name)}
    if len({parts[name] or name for name in accepted}) < 2:
        accepted |= {name for name in counts if _is_name(name)}
    return accepted


def _is_name(name: str) -> bool:
    words = re.sub(r"\(.*?\)", "", name).split()
    if not words or len(words) > _MAX_WORDS or words[0].casefold().strip(".") in _NO_SPEAKERS:
        return False
    if name.casefold() in _NO_SPEAKERS or re.search(r"[.!?,;。！？，；]\s|[!?。！？，；]$", name):
        return False
    return all(not word[0].isascii() or not word[0].isalpha() or word[0].isupper() for word in words[:2])
