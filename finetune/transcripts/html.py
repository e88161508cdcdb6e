"""HTML bodies of messages to plain text; what is quoted or signed by the mail program is left out."""

import re
import warnings

_TAG = re.compile(  # by name: `<anna@home.example>` and `<serial number>` are no tags
    r"</?(?:p|div|br|span|a|b|i|u|em|strong|ul|ol|li|table|tbody|tr|td|th|h[1-6]|img|blockquote|pre|code|html|body|head"
    r"|font|hr|meta|style|center|small|sub|sup)(?:[\s/][^<>]*)?>|<!--|<!doctype",
    re.IGNORECASE,
)
_QUOTES = (
    "blockquote, .gmail_quote, .gmail_signature, .gmail_extra, .moz-cite-prefix, .moz-signature, .yahoo_quoted,"
    " .zendesk_quote, .quoted, #divRplyFwdMsg, #divRplyFwdMsg ~ *, #appendonsend ~ *, #Signature, script, style, head,"
    " title, template"
)
_BLOCKS = ("p", "div", "br", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "pre")
_SPACES = re.compile(r"[^\S\n]+")
_BREAK = "\ue000"


def looks_like_html(text: str) -> bool:
    """Whether a body has tags or entities that a reader must not see."""
    return bool(_TAG.search(text)) or bool(re.search(r"&(?:nbsp|amp|lt|gt|quot|#\d{2,5});", text))


def html_to_text(html: str) -> str:
    """The words of a message body, one line a paragraph, list item or row; text without tags stays as it is."""
    if not looks_like_html(html):
        return html.strip()
    from bs4 import BeautifulSoup, MarkupResemblesLocatorWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MarkupResemblesLocatorWarning)
        soup = BeautifulSoup(html, "lxml")
    for quoted in soup.select(_QUOTES):
        quoted.decompose()
    for block in soup.find_all(_BLOCKS):
        block.insert_before(_BREAK)
        if block.name != "br":
            block.append(_BREAK)
        if block.name == "li":
            block.insert(0, "- ")
    text = _SPACES.sub(" ", soup.get_text().replace("\n", " ").replace("\xa0", " "))
    lines = [line.strip() for line in text.split(_BREAK)]
    return "\n".join(line for line in lines if line)
