"""What somebody wrote in an e-mail: without what it quotes, its signature and its legal notice."""

import re

from finetune.transcripts.html import html_to_text

_INTRODUCES_QUOTE = re.compile(
    r"^\s*>?\s*(?:"
    r"(?:on|le|el|em|il|op|am)\s.{4,200}(?:wrote|écrit|escribió|escreveu|ha scritto|schreef|schrieb)\b.{0,80}:"
    r"|.{0,80}(?:<[^<>\s]+@[^<>\s]+>|\d{4}).{0,60}(?:wrote|schrieb|写道|寫道|さんは書きました)\s*[:：]"
    r"|在.{4,120}写道[:：]?|-{2,}\s*(?:original message|ursprüngliche nachricht|message d'origine|forwarded message"
    r"|mensaje original|原始邮件|原始郵件|转发邮件)\s*-{2,}|_{10,}"
    r"|#{2,}-?\s*please type your reply above this line.*"
    r")\s*$",
    re.IGNORECASE,
)
_HEADER = re.compile(r"^\s*\*?(?:from|von|de|da|发件人|寄件者|差出人)\s*[:：]\*?\s*\S", re.IGNORECASE)
_NEXT_HEADER = re.compile(
    r"^\s*\*?(?:sent|date|to|subject|gesendet|datum|an|betreff|envoyé|à|objet|enviado|para|asunto|inviato|发送时间|日期"
    r"|收件人|主题|送信日時|宛先|件名)\s*[:：]",
    re.IGNORECASE,
)
_SIGNATURE = re.compile(
    r"^\s*(?:--\s?|—\s?|sent from (?:my|outlook|mail)\b.*|get outlook for\b.*|von meinem .{2,30} gesendet.*"
    r"|envoyé de mon .*|enviado desde mi .*|inviato da .*|发自我的.*|發自我的.*|iPhoneから送信)\s*$",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"^\s*(?:(?:best|kind|warm|many)?\s*(?:regards|wishes)|thanks(?: and regards)?|thank you|many thanks|cheers"
    r"|sincerely(?: yours)?|yours (?:sincerely|truly|faithfully)|best|all the best|mit freundlichen grüßen"
    r"|(?:viele|beste|liebe|freundliche) grüße|cordialement|bien à vous|saludos(?: cordiales)?|atentamente"
    r"|cordiali saluti|atenciosamente|met vriendelijke groet|此致(?:敬礼)?|祝好|顺祝商祺|敬具)\s*[,.!，。！]*\s*$",
    re.IGNORECASE,
)
_LEGAL = re.compile(
    r"^\s*(?:(?:confidentiality notice|disclaimer|legal notice)\b"
    r"|this (?:e-?mail|message)\b.{0,80}(?:confidential|intended (?:only|solely))|diese e-mail enthält vertrauliche)",
    re.IGNORECASE,
)
_MAX_SIGNATURE_LINES = 8
_MAX_SIGNATURE_CHARS = 60


def own_words(body: str, may_be_html: bool = True) -> str:
    """The text of a message's own author; empty when it only quotes."""
    plain = body.replace("\r\n", "\n")
    lines = (html_to_text(plain) if may_be_html else plain).split("\n")
    lines = _without_signature(_before_quote(_joined_introductions(lines)))
    kept = [line.rstrip() for line in lines if not line.lstrip().startswith(">")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()


def _joined_introductions(lines: list[str]) -> list[str]:
    """`On …, Anna <a@b.c>` and `wrote:` on two lines become one."""
    joined: list[str] = []
    for line in lines:
        ends = re.fullmatch(
            r"\s*>?\s*.{0,60}(?:wrote|schrieb|écrit|escribió)\s*[:：]\s*", line, re.IGNORECASE
        )
        if (
            ends
            and joined
            and not _INTRODUCES_QUOTE.match(line)
            and _INTRODUCES_QUOTE.match(f"{joined[-1]} {line}")
        ):
            joined[-1] = f"{joined[-1]} {line.strip()}"
        else:
            joined.append(line)
    return joined


def _before_quote(lines: list[str]) -> list[str]:
    """Lines up to the quoted message; answers written between quoted lines are kept."""
    for index, line in enumerate(lines):
        following = [later for later in lines[index + 1 : index + 4] if later.strip()]
        is_header = _HEADER.match(line) and any(_NEXT_HEADER.match(later) for later in following)
        if _LEGAL.match(line) or is_header:
            return lines[:index]
        if _INTRODUCES_QUOTE.match(line):
            return [*lines[:index], *_between_quotes(lines[index + 1 :])]
    return lines


def _between_quotes(lines: list[str]) -> list[str]:
    """What stands between lines that begin with `>`; without such lines, all of it is the quoted message."""
    if not any(line.lstrip().startswith(">") for line in lines):
        return []
    return _before_quote([line for line in lines if not line.lstrip().startswith(">")])


def _without_signature(lines: list[str]) -> list[str]:
    for index, line in enumerate(lines):
        if _SIGNATURE.match(line) or (index and _CLOSING.match(line) and _is_signature(lines[index + 1 :])):
            return lines[:index]
    return lines


def _is_signature(after: list[str]) -> bool:
    written = [line for line in after if line.strip() and not line.lstrip().startswith(">")]
    return len(written) <= _MAX_SIGNATURE_LINES and all(len(w) <= _MAX_SIGNATURE_CHARS for w in written)
