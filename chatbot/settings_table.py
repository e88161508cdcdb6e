"""The settings as a Markdown table, for README.md; a test keeps the two equal."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from chatbot.settings import ENV_PREFIX, GROUPS, Settings

_DEPENDS = {
    "data_dir": "per-user folder",
    "threads": "number of cores",
    "sites": "`default`, without origins",
    "webhooks": "unset",
    "sensitive_topics": "legal threats and danger to people, in English and Chinese",
}


def settings_table() -> str:
    """One row a setting: environment variable, default, meaning."""
    rows = ["| variable | default | meaning |", "| --- | --- | --- |"]
    rows += [f"| `{name}` | {default} | {meaning} |" for name, default, meaning in _rows()]
    return "\n".join(rows)


def _rows() -> Iterator[tuple[str, str, str]]:
    for name, info in Settings.model_fields.items():
        if name not in GROUPS:
            yield _row(ENV_PREFIX + name.upper(), name, info)
    for group, settings in GROUPS.items():
        for name, info in settings.model_fields.items():
            yield _row(f"{ENV_PREFIX}{group.upper()}__{name.upper()}", name, info)


def _row(variable: str, name: str, info: FieldInfo) -> tuple[str, str, str]:
    meaning = " ".join((info.description or "").split())
    return variable, _DEPENDS.get(name) or _shown(info.default), meaning


def _shown(value: Any) -> str:
    if value in (None, "", ()) or (isinstance(value, SecretStr) and not value.get_secret_value()):
        return "unset"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value.as_posix() if isinstance(value, Path) else value}`"
