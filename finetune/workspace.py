"""Where the tuning loop keeps what it makes: `finetune/` below the data folder. Knows nothing of how it is made."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatbot.errors import InputError
from chatbot.settings import Settings
from finetune.errors import TrainingError
from finetune.jobs import Jobs
from knowledge_base.atomic import write_atomically

DEFAULT_NAME = "conversations"
RUN = "run.json"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,40}")


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folder `finetune` of a data folder."""

    folder: Path

    @classmethod
    def of(cls, settings: Settings) -> "Workspace":
        """The workspace of the configured data folder."""
        return cls(settings.data_dir / "finetune")

    @property
    def jobs(self) -> Jobs:
        """Its background jobs."""
        return Jobs(self.folder / "jobs")

    @property
    def terms(self) -> Path:
        """What a reviewer of the masking wrote, when there is such a file."""
        return self.folder / "terms.json"

    @property
    def evaluations(self) -> Path:
        """Answers and scores of adapters, a folder for each that was evaluated."""
        return self.folder / "evaluations"

    @property
    def journals(self) -> Path:
        """Answers that were given, so that nothing is asked twice."""
        return self.folder / "journals"

    @property
    def uploads(self) -> Path:
        """Files that were uploaded on the page and not imported yet. They hold personal data."""
        return self.folder / "uploads"

    @property
    def blind(self) -> Path:
        """Blind tests, with their votes."""
        return self.folder / "blind"

    def imported(self, name: str = DEFAULT_NAME) -> Path:
        """Imported conversations. They hold personal data."""
        return self.folder / "imported" / f"{checked_name(name)}.jsonl"

    def redacted(self, name: str = DEFAULT_NAME) -> Path:
        """Conversations without personal data."""
        return self.folder / "redacted" / f"{checked_name(name)}.jsonl"

    def dataset(self, name: str = DEFAULT_NAME) -> Path:
        """Examples to train on."""
        return self.folder / "datasets" / checked_name(name)

    def run(self, run_id: str) -> Path:
        """A training run, with its plan, its checkpoints and its adapter."""
        return self.folder / "runs" / checked_name(run_id)

    def plans(self) -> dict[str, dict[str, Any]]:
        """The plans of all runs by id, the newest first."""
        paths = sorted(
            self.folder.glob(f"runs/*/{RUN}"),
            key=lambda p: (p.stat().st_mtime_ns, p.parent.name),
            reverse=True,
        )
        return {path.parent.name: read_plan(path.parent) for path in paths}

    def newest_run(self, name: str) -> str:
        """The id of the newest run on the dataset of this name.

        Raises:
            TrainingError: There is none.
        """
        for run_id, plan in self.plans().items():
            if plan["name"] == name:
                return run_id
        raise TrainingError(f"Nothing was trained on {name!r} yet.", "Run `frontdesk finetune train`.")


def checked_name(name: str) -> str:
    """The name, when it can be a folder's and the beginning of an adapter's id.

    Raises:
        InputError: It cannot.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name!r} cannot be a name.", "Use up to 41 small letters, digits, dots, dashes and underscores."
        )
    return name


def read_plan(run: Path) -> dict[str, Any]:
    """What a run was decided to be.

    Raises:
        TrainingError: There is no such run, or its plan is damaged.
    """
    try:
        found = json.loads((run / RUN).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(f"There is no run {run.name!r}.", "Run `frontdesk finetune train`.") from error
    if not isinstance(found, dict) or not {"name", "settings", "dataset_hash"} <= found.keys():
        raise TrainingError(f"The plan of run {run.name} is damaged.", "Train again.")
    return found


def write_plan(run: Path, plan: Mapping[str, Any]) -> None:
    """Keeps what a run was decided to be."""
    run.mkdir(parents=True, exist_ok=True)
    write_atomically(run / RUN, json.dumps(plan, indent=1, ensure_ascii=False).encode())
