"""What somebody wants to have tuned, as it stands in the arguments of a job."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from chatbot.errors import InputError
from chatbot.settings import Settings
from finetune.settings import FinetuneSettings
from finetune.workspace import DEFAULT_NAME, checked_name


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody wants to have tuned.

    Attributes:
        name: Of the conversations, the dataset, and the beginning of the adapter's id.
        files: Transcripts to import first; empty for those that were imported.
        minutes: Longest time of training; None trains all epochs.
        questions: Most held-out questions that each model is asked.
        calibration: Most questions that the refusal threshold is fitted on.
    """

    name: str = DEFAULT_NAME
    files: tuple[Path, ...] = ()
    mapping: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[str, Any] = field(default_factory=dict)
    domains: tuple[str, ...] = ()
    settings: FinetuneSettings = field(default_factory=FinetuneSettings)
    seed: int = 7
    minutes: float | None = None
    questions: int = 60
    calibration: int = 80

    @classmethod
    def of(cls, arguments: Mapping[str, Any], company_name: str) -> "Order":
        """The order in a job's arguments.

        Raises:
            InputError: Something in it is not right.
        """
        given = dict(arguments)
        parts = {part: dict(given.pop(part, {})) for part in ("dataset", "train")}
        parts["dataset"].setdefault("company_name", company_name)
        files = tuple(Path(path) for path in given.pop("files", ()))
        domains = tuple(given.pop("domains", ()))
        unknown = sorted(given.keys() - cls.__dataclass_fields__.keys())
        if unknown:
            raise InputError(f"There is nothing to set called {unknown[0]!r}.")
        try:
            settings = FinetuneSettings.model_validate(parts)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise InputError(
                f"{place}: {first['msg']}.", "The settings `finetune.…` are described in README.md."
            ) from error
        checked_name(given.get("name", DEFAULT_NAME))
        return cls(**given, files=files, domains=domains, settings=settings)


def completed(arguments: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """A job's arguments with what is configured under `finetune` and not given.

    They are completed when the job is started, so that it goes on alike wherever it is resumed.
    """
    configured = {
        part: group.model_dump(mode="json", include=group.model_fields_set)
        for part, group in (("dataset", settings.finetune.dataset), ("train", settings.finetune.train))
    }
    return {**arguments, **{part: {**own, **arguments.get(part, {})} for part, own in configured.items()}}
