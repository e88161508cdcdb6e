"""A finished training run becomes an adapter folder: half-precision weights, GGUF, data card, manifest.

The weights come first, because the refusal threshold is fitted on them; the manifest comes last and seals the folder.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chatbot.adapter_files import (
    PEFT_CONFIG,
    PEFT_WEIGHTS,
    AdapterManifest,
    base_digest,
    write_manifest,
)
from chatbot.prompt import PROMPT_FORMAT
from chatbot.refusal import RefusalRule
from finetune.errors import ExportError
from finetune.export import export_gguf, read_peft
from finetune.settings import TrainSettings
from knowledge_base.atomic import write_atomically

CARD = "card.md"


@dataclass(frozen=True)
class Origin:
    """Where an adapter comes from.

    Attributes:
        base: The base model's file or folder.
        dataset: The card of its dataset (`Dataset.card()`).
        about: Sentences for the data card: sources, licences, how to make it again.
        conversations: `erasure_key` of every conversation it was trained on.
        customers: `erasure_key` of their customers.
        languages: Codes of the languages that the refusal threshold was fitted in.
    """

    base_model: str
    base: Path
    dataset: Mapping[str, Any]
    settings: TrainSettings
    about: str = ""
    conversations: tuple[str, ...] = ()
    customers: tuple[str, ...] = ()
    languages: tuple[str, ...] = ("en",)


@dataclass(frozen=True)
class Measured:
    """What is known of an adapter before it is sealed."""

    refusal: RefusalRule | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)


def export_weights(run: Path, out: Path, base: Path) -> Path:
    """Writes the run's weights in half precision into `out`, and as GGUF where llama.cpp has a form for them.

    Raises:
        ExportError: The run has no weights, or the folder cannot be written.
    """
    import numpy as np
    from safetensors.numpy import save

    config, weights = read_peft(run)
    halved = {name: value.astype(np.float16) for name, value in weights.items()}
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_atomically(out / PEFT_WEIGHTS, save(halved, {"format": "pt"}))
        write_atomically(out / PEFT_CONFIG, json.dumps(config, indent=1).encode())
    except OSError as error:
        raise ExportError(f"{out.name} cannot be written: {error.strerror}.", "Make room.") from error
    export_gguf(out, base)
    return out


def seal_adapter(out: Path, adapter_id: str, origin: Origin, measured: Measured) -> AdapterManifest:
    """Writes the data card and, last, the manifest with the hash of every file.

    Raises:
        AdapterError: The id is not allowed, or the folder holds anything foreign or cannot be written.
        ExportError: The card cannot be written.
    """
    settings = origin.settings
    manifest = AdapterManifest(
        id=adapter_id,
        base_model=origin.base_model,
        base_sha256=base_digest(origin.base),
        prompt_format=PROMPT_FORMAT,
        refusal_threshold=measured.refusal.threshold if measured.refusal else None,
        r=settings.r,
        lora_alpha=float(settings.lora_alpha),
        dataset_hash=str(origin.dataset["dataset_hash"]),
        seed=settings.seed,
        metrics=dict(measured.metrics),
        files={},
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        conversations=origin.conversations,
        customers=origin.customers,
        languages=origin.languages,
        refusal_weights=dict(measured.refusal.weights) if measured.refusal else {},
    )
    try:
        write_atomically(out / CARD, card_text(adapter_id, origin, measured).encode())
    except OSError as error:
        raise ExportError(f"{out.name} cannot be written: {error.strerror}.", "Make room.") from error
    return write_manifest(out, manifest)


def card_text(adapter_id: str, origin: Origin, measured: Measured) -> str:
    """The data card as Markdown."""
    parts = [f"# {adapter_id}", f"A LoRA adapter for {origin.base_model}, prompt format `{PROMPT_FORMAT}`."]
    if origin.about:
        parts.append(origin.about.strip())
    parts += ["## Examples", _examples_table(origin.dataset), "## Training", _settings_list(origin.settings)]
    if measured.metrics:
        rows = "\n".join(f"| {name} | {value:.4g} |" for name, value in sorted(measured.metrics.items()))
        parts += ["## Measured", f"| figure | value |\n| --- | --- |\n{rows}"]
    if measured.refusal is not None:
        parts.append(f"It refuses from a probability of {measured.refusal.threshold:.4g} on.")
        if weights := measured.refusal.weights:
            parts.append(
                "What this probability is made of (a logistic regression, see `chatbot/refusal.py`):"
            )
            parts.append(
                "| feature | weight |\n| --- | --- |\n"
                + "\n".join(f"| {n} | {w:.4g} |" for n, w in weights.items())
            )
    return "\n\n".join(parts) + "\n"


def _examples_table(dataset: Mapping[str, Any]) -> str:
    counted = dataset.get("statistics", {})
    kinds = sorted({kind for part in counted.values() for kind in part.get("kinds", {})})
    parts = [part for part in counted if counted[part]]
    head = f"| kind | {' | '.join(parts)} |\n| --- |{' --- |' * len(parts)}"
    rows = (
        f"| {kind} | {' | '.join(str(counted[part]['kinds'].get(kind, 0)) for part in parts)} |"
        for kind in kinds
    )
    return "\n".join((head, *rows, "", f"Hash: `{dataset['dataset_hash']}`"))


def _settings_list(settings: TrainSettings) -> str:
    changed = settings.model_dump(mode="json", exclude_defaults=True)
    shown = {"method": settings.method, "r": settings.r, "lora_alpha": settings.lora_alpha, **changed}
    return "\n".join(f"- `{name}`: {value}" for name, value in shown.items())
