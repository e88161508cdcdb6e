"""Training again after an erasure, as it was trained before: noted on the disk before the old runs are removed."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from chatbot.settings import Settings
from finetune.dataset.store import CARD
from finetune.jobs import Jobs
from finetune.order import completed
from finetune.settings import FinetuneSettings
from finetune.workspace import RUN, Workspace
from knowledge_base.atomic import write_atomically

_FILE = "retrain.json"
_OF_A_RUN = ("minutes", "questions", "calibration")


def note(workspace: Workspace, names: Sequence[str]) -> None:
    """Notes how the datasets of these names were made and trained on, to do so again."""
    if not names:
        return
    noted = {order["name"]: order for order in noted_orders(workspace)}
    noted |= {name: order_of(workspace, name) for name in names}
    write_atomically(_path(workspace), json.dumps(list(noted.values()), ensure_ascii=False).encode())


def noted_orders(workspace: Workspace) -> list[dict[str, Any]]:
    """What was noted and not done yet: arguments of the job `run`."""
    found = _read(_path(workspace))
    return [order for order in found if isinstance(order, dict)] if isinstance(found, list) else []


def queue(workspace: Workspace, settings: Settings, jobs: Jobs, **changed: Any) -> list[str]:
    """Starts everything that was noted, also by an erasure that was killed; the ids of the jobs.

    Args:
        changed: Arguments of the job `run` that differ from those of before.
    """
    orders = [completed({**order, **changed}, settings) for order in noted_orders(workspace)]
    queued = [jobs.start("run", order).id for order in orders]
    forget_notes(workspace)
    return queued


def forget_notes(workspace: Workspace) -> None:
    """They are done, or not wanted."""
    _path(workspace).unlink(missing_ok=True)


def order_of(workspace: Workspace, name: str) -> dict[str, Any]:
    """The dataset's settings and seed from its card, those of training from the newest run on it."""
    card, plan = _record(workspace.dataset(name) / CARD), _newest_plan(workspace, name)
    order: dict[str, Any] = {"name": name}
    for key, parts in (("dataset", card.get("settings")), ("train", plan.get("settings"))):
        if isinstance(parts, dict) and _are_settings(key, parts):
            order[key] = parts
    if isinstance(card.get("seed"), int):
        order["seed"] = card["seed"]
    return order | {key: plan[key] for key in _OF_A_RUN if key in plan}


def _newest_plan(workspace: Workspace, name: str) -> dict[str, Any]:
    paths: Iterable[Path] = workspace.folder.glob(f"runs/*/{RUN}")
    newest = sorted(paths, key=lambda path: path.stat().st_mtime_ns, reverse=True)
    return next((plan for path in newest if (plan := _record(path)).get("name") == name), {})


def _are_settings(key: str, parts: dict[str, Any]) -> bool:
    """Those of another version may not be."""
    field = FinetuneSettings.model_fields[key].annotation
    try:
        field.model_validate(parts)  # type: ignore[union-attr]
    except ValidationError:
        return False
    return True


def _path(workspace: Workspace) -> Path:
    return workspace.folder / _FILE


def _record(path: Path) -> dict[str, Any]:
    found = _read(path)
    return found if isinstance(found, dict) else {}


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
