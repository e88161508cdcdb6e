"""Small facts about strings that parsing shares."""

import re

_KANA = re.compile(r"[\u3041-\u30ff]")
_HAN = re.compile(r"[\u4e00-\u9fff]")
_URL = re.compile(r"(?:https?://|/)\S+", re.IGNORECASE)
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def guess_language(text: str) -> str:
    """`ja`, `zh` or `en`, by script: front matter should say it for other languages."""
    sample = text[:4000]
    if len(_KANA.findall(sample)) > len(sample) // 50:
        return "ja"
    return "zh" if len(_HAN.findall(sample)) > len(sample) // 10 else "en"


def is_east_asian(language: str) -> bool:
    """Whether a language is written in characters that a reader of Latin script cannot read at all."""
    return language in ("zh", "ja", "ko")


def is_web_address(url: str) -> bool:
    """Whether a link may be shown: http, https or a path on the same site, never a script."""
    return bool(_URL.fullmatch(url))


def clean(text: str) -> str:
    """Without control characters, lone surrogates (which no database takes) and outer white space."""
    return _CONTROLS.sub("", text).encode("utf-8", "replace").decode().strip()
