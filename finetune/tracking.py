"""Where a run's figures go beside the progress callback: TensorBoard and Weights & Biases, only when asked for."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from finetune.errors import TrainingError
from finetune.settings import TrainSettings


class Tracker(Protocol):
    """Something that keeps figures by step."""

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """Keeps the figures of one step."""
        ...

    def close(self) -> None:
        """Writes what is pending."""
        ...


def open_trackers(settings: TrainSettings, folder: Path) -> list[Tracker]:
    """The trackers that the settings ask for.

    Raises:
        TrainingError: A package that one of them needs is missing.
    """
    trackers: list[Tracker] = []
    if settings.tensorboard:
        _need("tensorboard", "tensorboard")
        trackers.append(_TensorBoard(folder / "tensorboard"))
    if settings.wandb_project:
        _need("wandb", "wandb_project")
        trackers.append(_Wandb(settings.wandb_project, folder))
    return trackers


def _need(package: str, setting: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise TrainingError(
            f"`{setting}` needs the package {package}, which is not installed.",
            f"Run `pip install {package}`, or leave the setting out.",
        )


class _TensorBoard:
    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(str(folder))

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        for name, value in figures.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        self._writer.close()


class _Wandb:
    def __init__(self, project: str, folder: Path) -> None:
        import wandb

        self._run: Any = wandb.init(project=project, dir=str(folder))

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        self._run.log(dict(figures), step=step)

    def close(self) -> None:
        self._run.finish()
