"""The adapter that was trained with a projector, as a folder that describes itself, inside the projector's own."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from chatbot.adapter_files import AdapterManifest, write_manifest
from chatbot.vision.projector import VISION_FORMAT, ProjectorConfig
from chatbot.vision.sight import ADAPTER_FOLDER, LOOKING
from finetune.finish import export_weights
from finetune.settings import VisionTrainSettings


def seal_looking_adapter(
    peft: Path,
    projector: Path,
    base: Path,
    config: ProjectorConfig,
    settings: VisionTrainSettings,
    dataset_hash: str,
    metrics: Mapping[str, float],
) -> AdapterManifest:
    """Writes both forms of the weights in half precision and, last, the manifest.

    Args:
        peft: Folder with the weights as PEFT saved them.
        projector: Folder of the projector; gets the adapter's.

    Raises:
        ExportError: The weights are missing, or the folder cannot be written.
    """
    out = export_weights(peft, projector / ADAPTER_FOLDER, base)
    manifest = AdapterManifest(
        id=LOOKING,
        base_model=config.base.name,
        base_sha256=config.base.sha256,
        prompt_format=VISION_FORMAT,
        refusal_threshold=None,
        r=settings.r,
        lora_alpha=float(settings.lora_alpha),
        dataset_hash=dataset_hash,
        seed=settings.seed,
        metrics=dict(metrics),
        files={},
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    return write_manifest(out, manifest)
