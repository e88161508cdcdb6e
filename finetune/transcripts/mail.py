"""E-mail archives (mbox) and single e-mails to conversations: threads by references, else by subject and people."""

import email.policy
import re
from collections import Counter
from collections.abc import Iterator
from email.errors import MessageError
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import getaddresses
from hashlib import blake2b
from typing import BinaryIO

from finetune.conversations import Role
from finetune.transcripts.mail_text import own_words
from finetune.transcripts.spool import Row, Spool
from finetune.transcripts.times import iso_time
from finetune.transcripts.values import Dropped, Found, RawMessage, Source, TranscriptError

_REPLY = re.compile(
    r"^\s*(?:(?:re|aw|sv|antw|fw|fwd|wg|tr|rv|回复|答复|回覆|转发|轉寄)\s*(?:\[\d+\])?\s*[:：]\s*)+",
    re.IGNORECASE,
)
_TICKET = re.compile(r"\[(?:ticket|case|request|#)[^\[\]]{0,40}\]|#\d{3,}", re.IGNORECASE)
_MESSAGE_ID = re.compile(r"<([^<>\s]+)>")
_BLOCK_BYTES = 2**16
_AUTOMATIC = frozenset({"bulk", "junk", "auto_reply", "list"})
_ASKED = 200


def mailbox(file: BinaryIO, source: Source) -> Iterator[Found | Dropped]:
    """The threads of an mbox file or of one e-mail.

    Raises:
        TranscriptError: The company's domains are not given, so nobody can be told to be an agent.
    """
    if not source.options.company_domains:
        raise _no_domains(file, source)
    threads = _Threads()
    skipped = 0
    with Spool(source) as spool:
        for line, raw in raw_mails(file, source.limits.max_item_chars):
            if raw is None:
                limit = source.limits.max_item_chars
                yield source.dropped(line, "too_long", f"an e-mail of more than {limit:,} bytes")
                continue
            mail = _parsed(raw)
            row = None if mail is None or _is_automatic(mail) else _row(line, mail, threads, source)
            if isinstance(row, Row):
                spool.add(row)
            elif isinstance(row, Dropped):
                yield row
            elif mail is None:
                yield source.dropped(line, "damaged", "an e-mail that cannot be read")
            else:
                skipped += 1
        yield from spool.conversations(threads.renamed())
    if skipped:
        yield source.dropped(0, "automatic", "automatic replies and mass mailings are left out", skipped)


def raw_mails(file: BinaryIO, max_bytes: int) -> Iterator[tuple[int, bytes | None]]:
    """Line number and bytes of every e-mail; None in place of one that is too large."""
    lines: list[bytes] = []
    began, size, number, blank, at_start = 1, 0, 0, True, True
    while line := file.readline(_BLOCK_BYTES):
        if at_start:
            number += 1
            if blank and line.startswith(b"From ") and (lines or size):
                yield began, b"".join(lines) if size <= max_bytes else None
                lines, size, began = [], 0, number
        size += len(line)
        if size <= max_bytes:
            lines.append(line[1:] if line.startswith((b">From ", b">>From ")) else line)
        else:
            lines.clear()
        blank = at_start and line in (b"\n", b"\r\n")
        at_start = line.endswith(b"\n")
    if size:
        yield began, b"".join(lines) if size <= max_bytes else None


def _parsed(raw: bytes) -> EmailMessage | None:
    if raw.startswith(b"From "):
        raw = raw.partition(b"\n")[2]
    try:
        mail = BytesParser(policy=email.policy.default).parsebytes(raw)
    except (MessageError, ValueError, LookupError, AttributeError, IndexError, TypeError, RecursionError):
        return None  # the parser of the standard library raises any of these on damaged headers
    return mail if _header(mail, "from") else None


def _header(mail: EmailMessage, name: str) -> str:
    try:
        return str(mail.get(name) or "")
    except (MessageError, ValueError, LookupError, AttributeError, IndexError, TypeError):
        return ""


def _is_automatic(mail: EmailMessage) -> bool:
    automatic = _header(mail, "auto-submitted").strip().casefold() not in ("", "no")
    mass = _header(mail, "precedence").strip().casefold() in _AUTOMATIC or bool(_header(mail, "x-autoreply"))
    return (
        automatic
        or mass
        or bool(re.match(r"(?:.*<)?(?:mailer-daemon|postmaster)@", _header(mail, "from"), re.IGNORECASE))
    )


def _row(line: int, mail: EmailMessage, threads: "_Threads", source: Source) -> Row | Dropped:
    address = _addresses(mail, "from")
    sender = address[0] if address else ""
    text = _own_words(mail)
    people = {*address, *_addresses(mail, "to")}
    thread = threads.place(mail, people, source.options.company_domains)
    if not text:
        return source.dropped(line, "empty", "an e-mail without words of its own")
    role = _role(sender, source)
    customer = sender if role == "customer" else ""
    return Row(line, thread, RawMessage(sender, text, iso_time(_header(mail, "date")), role=role), customer)


def _role(address: str, source: Source) -> Role:
    if address in source.options.roles:
        return source.options.roles[address]
    return "agent" if _is_company(address, source.options.company_domains) else "customer"


def _is_company(address: str, domains: tuple[str, ...]) -> bool:
    domain = address.rpartition("@")[2]
    names = [d.strip().casefold().lstrip("@.") for d in domains]
    return any(domain == name or domain.endswith(f".{name}") for name in names if name)


def _addresses(mail: EmailMessage, header: str) -> list[str]:
    return [a.casefold() for _, a in getaddresses([_header(mail, header)]) if "@" in a]


def _own_words(mail: EmailMessage) -> str:
    """From the plain text, else from the HTML; empty when it has neither or its encoding is broken."""
    try:
        part = mail.get_body(("plain", "html"))
        content = part.get_content() if part is not None else ""
    except (MessageError, LookupError, ValueError, KeyError, AttributeError, TypeError):
        return ""
    is_html = part is not None and part.get_content_subtype() == "html"
    return own_words(content, is_html) if isinstance(content, str) else ""


class _Threads:
    """Which thread an e-mail belongs to. Ids are kept as 8-byte hashes, for archives of millions of e-mails."""

    def __init__(self) -> None:
        self._thread_of: dict[bytes, int] = {}
        self._joined: dict[int, int] = {}
        self._count = 0

    def place(self, mail: EmailMessage, people: set[str], domains: tuple[str, ...]) -> str:
        keys = [_digest(i) for i in _MESSAGE_ID.findall(_header(mail, "message-id"))]
        related = [
            _digest(i) for h in ("references", "in-reply-to") for i in _MESSAGE_ID.findall(_header(mail, h))
        ]
        if not related or not any(key in self._thread_of for key in related):
            related += self._by_subject(mail, people, domains)
        return self._name(self._thread([*keys, *related]))

    def renamed(self) -> dict[str, str]:
        """Threads that later e-mails showed to be one."""
        return {self._name(old): self._name(self._root(old)) for old in self._joined}

    def _by_subject(self, mail: EmailMessage, people: set[str], domains: tuple[str, ...]) -> list[bytes]:
        """Replies whose references are lost are found by their subject and the customer."""
        subject = _header(mail, "subject")
        bare = " ".join(_REPLY.sub("", subject).casefold().split())
        customers = sorted(p for p in people if not _is_company(p, domains))
        if not bare or not customers:
            return []
        key = _digest(f"{bare}\0{customers[0]}")
        is_reply = bool(_REPLY.match(subject)) or bool(_TICKET.search(subject))
        if is_reply or key not in self._thread_of:
            return [key]
        del self._thread_of[key]  # the same subject anew, not as a reply: another thread
        return [key]

    def _thread(self, keys: list[bytes]) -> int:
        roots = sorted({self._root(self._thread_of[key]) for key in keys if key in self._thread_of})
        if not roots:
            self._count += 1
            roots = [self._count]
        for other in roots[1:]:
            self._joined[other] = roots[0]
        self._thread_of.update(dict.fromkeys(keys, roots[0]))
        return roots[0]

    def _root(self, thread: int) -> int:
        while thread in self._joined:
            thread = self._joined[thread]
        return thread

    @staticmethod
    def _name(thread: int) -> str:
        return f"\0{thread}"  # no id of the source's: the conversation gets one of its content


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()


def _no_domains(file: BinaryIO, source: Source) -> TranscriptError:
    """Says which domains occur most, for the one who knows which is the company's."""
    seen: Counter[str] = Counter()
    for count, (_, raw) in enumerate(raw_mails(file, source.limits.max_item_chars)):
        mail = _parsed(raw) if raw else None
        if mail is not None:
            people = {*_addresses(mail, "from"), *_addresses(mail, "to")}
            seen.update({address.rpartition("@")[2] for address in people})
        if count >= _ASKED:
            break
    common = ", ".join(domain for domain, _ in seen.most_common(3)) or "none"
    return TranscriptError(
        f"{source.label}: e-mails do not say who is an agent. The most frequent domains are {common}.",
        "Give the company's domains (company_domains); whoever writes from them is an agent.",
    )
