"""The settings as a Markdown table, for README.md, and one by one; a test keeps README.md and table equal."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from chatbot.settings import ENV_PREFIX, GROUPS, Settings, part_of

_DEPENDS = {
    "FRONTDESK_DATA_DIR": "per-user folder",
    "FRONTDESK_THREADS": "number of cores",
    "FRONTDESK_WEB__DAILY": "see docs/api.md",
    "FRONTDESK_WEB__SITES": "`default`, without origins",
    "FRONTDESK_HANDOFF__WEBHOOKS": "unset",
    "FRONTDESK_HANDOFF__SENSITIVE_TOPICS": "legal threats and danger to people, in English and Chinese",
    "FRONTDESK_FINETUNE__DATASET__COMPANY_NAME": "`FRONTDESK_COMPANY_NAME`",
}


def settings_table() -> str:
    """One row a setting: environment variable, default, meaning."""
    rows = ["| variable | default | meaning |", "| --- | --- | --- |"]
    rows += [f"| `{name}` | {default} | {meaning} |" for name, default, meaning in _rows()]
    return "\n".join(rows)


def _rows() -> Iterator[tuple[str, str, str]]:
    for name, info in Settings.model_fields.items():
        if name not in GROUPS:
            yield _row(ENV_PREFIX + name.upper(), info)
    for group, settings in GROUPS.items():
        yield from _rows_of(f"{ENV_PREFIX}{group.upper()}__", settings)


def _rows_of(prefix: str, settings: type[BaseModel]) -> Iterator[tuple[str, str, str]]:
    for name, info in settings.model_fields.items():
        variable = f"{prefix}{name.upper()}"
        inner = part_of(settings, name)
        if inner and variable not in _DEPENDS:
            yield from _rows_of(f"{variable}__", inner)
        else:
            yield _row(variable, info)


def _row(variable: str, info: FieldInfo) -> tuple[str, str, str]:
    meaning = " ".join((info.description or "").split())
    return variable, _DEPENDS.get(variable) or _shown(info.default), meaning


def _shown(value: Any) -> str:
    if value in (None, "", ()) or (isinstance(value, SecretStr) and not value.get_secret_value()):
        return "unset"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`{json.dumps(value)}`"
    return f"`{value.as_posix() if isinstance(value, Path) else value}`"


def flat_settings(settings: Settings) -> Iterator[tuple[str, Any, str]]:
    """Name, value and meaning of each effective setting, nested ones as `group.name`."""
    for name, info in type(settings).model_fields.items():
        value = getattr(settings, name)
        if name in GROUPS:
            yield from _flat_group(name, value)
        elif isinstance(value, SecretStr):
            yield name, "(hidden)" if value.get_secret_value() else "", info.description or ""
        else:
            yield (
                name,
                value if isinstance(value, (int, float, bool, type(None))) else str(value),
                info.description or "",
            )


def _flat_group(name: str, group: BaseModel) -> Iterator[tuple[str, Any, str]]:
    for part, info in type(group).model_fields.items():
        value = getattr(group, part)
        if part_of(type(group), part):
            yield from _flat_group(f"{name}.{part}", value)
        else:
            yield f"{name}.{part}", value, info.description or ""
