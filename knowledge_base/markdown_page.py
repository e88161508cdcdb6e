"""Markdown and plain text, with the front matter that describes it."""

import datetime
import re
from typing import Any

import yaml

from knowledge_base.errors import DocumentError
from knowledge_base.reading import Reading
from knowledge_base.text import clean

_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(.+?)[ \t]*#*$|^(\S.*)\n={3,}[ \t]*$", re.M)
_FRONT_MATTER = re.compile(r"---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.S | re.M)


def read_markdown(text: str, name: str) -> Reading:
    """Reads Markdown or plain text; the text stays as it was written, the front matter becomes fields.

    Raises:
        DocumentError: There is no text, or the front matter is broken.
    """
    fields: dict[str, str] = {}
    if re.match(r"---[ \t]*\n", text):
        match = _FRONT_MATTER.match(text)
        if not match:
            raise DocumentError(f"{name}: the front matter is not closed.", "End it with a line of `---`.")
        fields = _front_matter(match[1], name)
        text = text[match.end() :]
    text = text.strip()
    if not text:
        raise DocumentError(f"{name} has no text.")
    heading = _HEADING.search(text)
    return Reading(text, (heading[1] or heading[2]).strip() if heading else "", fields)


def _front_matter(block: str, name: str) -> dict[str, str]:
    try:
        content = yaml.safe_load(block)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 2}" if mark else ""  # the opening `---` is line 1
        reason = getattr(error, "problem", None) or str(error)
        raise DocumentError(
            f"{name}: bad front matter{where}: {reason}.", "Write `key: value` lines."
        ) from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise DocumentError(f"{name}: bad front matter: not `key: value` lines.")
    return {str(key).strip().lower(): _plain(value, str(key), name) for key, value in content.items()}


def _plain(value: Any, key: str, name: str) -> str:
    if value is None:
        return ""
    if isinstance(value, str | int | float | bool | datetime.date | datetime.datetime):
        return clean(str(value))
    if isinstance(value, list) and not any(isinstance(item, list | dict) for item in value):
        return ", ".join(_plain(item, key, name) for item in value)
    raise DocumentError(f"{name}: bad front matter: `{key}` is nested.", "Give a text or a list of texts.")
