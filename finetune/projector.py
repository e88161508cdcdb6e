"""Trains the projector on screens, alone or together with an adapter for looking (LLaVA's two stages).

The vision tower is frozen and its features are computed once. The language model's own weights never change.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chatbot.adapter_files import PEFT_WEIGHTS, base_digest
from chatbot.errors import ModelError
from chatbot.model_files import sha256_of
from chatbot.vision.encoder import VisionEncoder
from chatbot.vision.projector import (
    WEIGHTS,
    BaseSpec,
    ProjectorConfig,
    build_projector,
    config_text,
    read_config,
    read_weights,
    save_projector,
)
from chatbot.vision.sight import ADAPTER_FOLDER
from finetune.alignment import align, named_of
from finetune.dataset.store import Dataset
from finetune.errors import DatasetError
from finetune.estimate import estimate, refuse_what_cannot_fit
from finetune.fused import fuse_lora
from finetune.looking import seal_looking_adapter
from finetune.lora import default_base, save_adapter
from finetune.model import add_adapter, load_base
from finetune.packing import Flat, Pack, flatten, grow_trees, pack
from finetune.run import (
    CHECKPOINTS,
    RATE_FACTOR,
    OnProgress,
    Packs,
    TrainingRun,
    TrainResult,
    cpu_multiplies_bf16,
    schedule,
)
from finetune.screens import ROWS, Screen, read_screens
from finetune.settings import VisionTrainSettings
from finetune.vision_encoding import EncodedQuestion, ScreenEncoder
from finetune.vision_scorer import make_vision_scorer, vision_tensors_of
from finetune.vision_texts import TextEncoder
from finetune.vision_validation import Tally
from finetune.visual_features import FeatureCache
from knowledge_base.atomic import write_atomically

FEATURES = "features"

Tell = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class VisionBase:
    """The two frozen models, as files, with names for people."""

    llm: Path
    tower: Path
    llm_name: str = ""
    tower_name: str = ""


def default_models() -> VisionBase:
    """The models of the settings."""
    from chatbot.models import ModelStore, Purpose
    from chatbot.settings import load_settings

    settings = load_settings()
    store = ModelStore(settings.models_path, offline=settings.offline)
    tower = store.resolve(settings.vision_tower, Purpose.VISION)
    return VisionBase(default_base(), tower, settings.llm, settings.vision_tower)


def train_projector(
    data: Path,
    out: Path,
    settings: VisionTrainSettings,
    models: VisionBase,
    *,
    texts: Path | None = None,
    start: Path | None = None,
    progress: OnProgress = lambda told: None,
    tell: Tell = lambda name, done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> TrainResult:
    """Trains a projector, or goes on with the run that was begun in `out`.

    Args:
        data: Folder with `screens.jsonl` and images.
        out: Gets the projector's folder, with the adapter in `adapter/` where one is trained too.
        texts: A saved dataset of answers from passages, which the adapter learns as well; none when None.
        start: Folder of a projector, with its adapter where one is trained, to go on from: as for a company's own
            screens. It is aligned already.
        tell: Called with the name of what is prepared, how much is done, and how much there is.

    Raises:
        DatasetError: The screens are damaged.
        ModelError: A model cannot be loaded, the picture's patches not be joined as the settings say, or `start` is of
            other models or another shape.
        TrainingError: The run cannot fit, was stopped, or diverged.
    """
    return _VisionRun(data, out, settings, models, texts, start, progress, tell, should_stop).go()


class _VisionRun(TrainingRun):
    _settings: VisionTrainSettings

    def __init__(
        self,
        data: Path,
        out: Path,
        settings: VisionTrainSettings,
        models: VisionBase,
        texts: Path | None,
        start: Path | None,
        progress: OnProgress,
        tell: Tell,
        should_stop: Callable[[], bool],
    ) -> None:
        super().__init__(out, settings, progress, should_stop)
        self._tell_preparation = tell
        self._base, self._rows, self._start = models.llm, _rows_hash(data), start
        self._kinds: dict[str, float] = {}
        screens = read_screens(data)
        held = screens["validation"][: settings.validation_examples]
        tokenizer, llm = load_base(models.llm)
        self._features = self._seen(data, models, [*screens["train"], *held])
        self._config = self._described(models, llm.config.hidden_size)
        encoder = ScreenEncoder(tokenizer, self._config.visual_tokens, settings)
        dataset = Dataset.load(texts) if texts else Dataset(())
        beside = TextEncoder(tokenizer, screens["train"], 0, self._config.visual_tokens, settings)
        questions = [*encoder.all_questions(screens["train"]), *beside.encode_all(dataset.train)]
        short = [one for one in questions if len(one) <= settings.max_length]
        packs = self._packed(short, settings.examples_per_context)
        steps = list(schedule(packs, settings))
        identity = _identity(self._rows, dataset, settings, self._config, self._digests_of_start())
        model = self._built(llm, len(steps))
        refuse_what_cannot_fit(estimate(model.llm, packs, settings.epochs, settings), settings)
        if not start:
            self._align(model, short, identity)
        held_texts = beside.encode_all(dataset.validation[: settings.validation_examples])
        held_packs = self._packed([*encoder.all_questions(held, len(screens["train"])), *held_texts])
        whole = Packs(steps, held_packs, len(short), len(questions) - len(short))
        self._begin(model, model, whole, identity)

    def _seen(self, data: Path, models: VisionBase, screens: Sequence[Screen]) -> list[Any]:
        settings = self._settings
        encoder = VisionEncoder(
            models.tower,
            name=models.tower_name,
            layer=settings.layer,
            image_px=settings.image_px,
            precision="bf16" if cpu_multiplies_bf16() else "fp32",
        )
        self._tower = encoder.spec
        cache = FeatureCache(self._out.parent / FEATURES, encoder)
        paths = [data / screen.image for screen in screens]
        return cache.of(paths, lambda done, total: self._tell_preparation("features", done, total))

    def _described(self, models: VisionBase, width: int) -> ProjectorConfig:
        settings = self._settings
        base = BaseSpec(models.llm_name or models.llm.name, base_digest(models.llm), width)
        return ProjectorConfig(
            self._tower, base, settings.kind, settings.scale_factor, settings.projector_width
        )

    def _packed(self, questions: Sequence[EncodedQuestion], examples_per_tree: int = 0) -> list[Pack]:
        trees = grow_trees(questions, self._settings.pack_tokens, examples_per_tree)
        return pack(trees, self._settings.pack_tokens)

    def _built(self, llm: Any, steps: int) -> Any:
        import torch

        llm.requires_grad_(False)
        if self._accelerator.mixed_precision == "bf16":  # what is frozen is cast once and not in each step
            llm.to(torch.bfloat16)
        if self._settings.stage == "joint":
            llm = add_adapter(llm, self._settings, steps)
            if self._start:
                _load_adapter(llm, self._start / ADAPTER_FOLDER)
            fuse_lora(llm)
        projector = build_projector(self._config)
        if self._start:
            projector.load_state_dict(self._weights_of_start(self._start))
        return make_vision_scorer(projector, llm).to(self._accelerator.device)

    def _weights_of_start(self, start: Path) -> dict[str, Any]:
        found = read_config(start)
        if replace(found, metrics=None) != replace(self._config, metrics=None):
            raise ModelError(
                f"The projector {start.name} is of other models or another shape than the settings say.",
                "Set tower, base, layer, image_px, kind, scale_factor and projector_width to its own.",
            )
        return {name: value.float() for name, value in read_weights(start).items()}

    def _digests_of_start(self) -> list[str]:
        if not self._start:
            return []
        files = [self._start / WEIGHTS]
        if self._settings.stage == "joint":
            files.append(self._start / ADAPTER_FOLDER / PEFT_WEIGHTS)
        try:
            return [sha256_of(file) for file in files]
        except OSError as error:
            raise ModelError(
                f"{self._start.name} is no projector to go on from: {error.strerror}.",
                "Name the folder of a projector; for `stage` joint it has its adapter in it.",
            ) from error

    def _align(self, model: Any, questions: Sequence[EncodedQuestion], identity: str) -> None:
        """Aligns the projector, or takes up what an earlier process of the same run aligned."""
        from safetensors.torch import load_file, save

        steps, kept = self._settings.alignment_steps, self._out / f"aligned-{identity[:16]}.safetensors"
        if not steps:
            return
        if not kept.is_file():
            align(
                model.projector,
                model.llm.get_input_embeddings().weight,
                self._features,
                named_of(questions),
                steps=steps,
                seed=self._settings.seed,
                is_bf16=self._accelerator.mixed_precision == "bf16",
                tell=lambda step, loss: self._tell_preparation(f"alignment {loss:.3f}", step, steps),
            )
            self._out.mkdir(parents=True, exist_ok=True)
            write_atomically(kept, save(model.projector.state_dict()))
        model.projector.load_state_dict(load_file(kept))

    def _groups(self) -> list[dict[str, Any]]:
        """The projector learns faster than the adapter, whose model can already read."""
        projector = list(self._model.projector.parameters())
        adapter = [p for p in self._model.llm.parameters() if p.requires_grad]
        groups = [{"params": projector, RATE_FACTOR: self._settings.projector_rate_factor}]
        return [*groups, {"params": adapter}] if adapter else groups

    def _tensors(self, flat: Flat) -> dict[str, Any]:
        return vision_tensors_of(flat, self._features, self._config.visual_tokens, self._accelerator.device)

    def _held_out_loss(self) -> float:
        """Over all held-out screens; beside it, loss and accuracy by channel and kind, also of blackened pictures."""
        import torch

        self._scorer.eval()
        seeing, blind = Tally(), Tally()
        with torch.inference_mode(), self._accelerator.autocast():
            for one in self._packs.held:
                given = self._tensors(flatten(one))
                for tally, is_blind in ((seeing, False), (blind, True)):
                    tally.add(one, *_scored(self._model, given, is_blind=is_blind))
        self._kinds = seeing.figures() | blind.figures("blind_")
        return seeing.loss

    def _figures(self) -> dict[str, float]:
        return self._kinds

    def _write_trained(self) -> None:
        save_projector(self._out, self._model.projector, self._config)
        if self._settings.stage == "joint":
            peft = self._out / CHECKPOINTS / ADAPTER_FOLDER
            save_adapter(self._model.llm, peft)
            seal_looking_adapter(
                peft, self._out, self._base, self._config, self._settings, self._rows, self._kinds
            )


def _scored(model: Any, given: Mapping[str, Any], *, is_blind: bool) -> tuple[Any, Any, Any]:
    """Losses, weights and logits of each target; without the features, a blind model sees the same everywhere."""
    from torch import nn

    given = dict(given)
    labels, weights = given.pop("labels"), given.pop("weights")
    if is_blind and given["features"] is not None:
        given["features"] = given["features"] * 0
    logits = model.logits(**given)
    return nn.functional.cross_entropy(logits, labels, reduction="none"), weights, logits


def _load_adapter(llm: Any, folder: Path) -> None:
    from peft import set_peft_model_state_dict
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        weights = {name: value.float() for name, value in load_file(folder / PEFT_WEIGHTS).items()}
        found = set_peft_model_state_dict(llm, weights)
    except (SafetensorError, RuntimeError) as error:  # damaged, or of another rank
        raise _other_layers(folder) from error
    if found.unexpected_keys or any("lora_" in name for name in found.missing_keys):
        raise _other_layers(folder)


def _other_layers(folder: Path) -> ModelError:
    return ModelError(
        f"The adapter of {folder.parent.name} is damaged or has other layers than the settings say.",
        "Set r, first_layer and target_modules to its own.",
    )


def _identity(
    rows: str, texts: Dataset, settings: VisionTrainSettings, config: ProjectorConfig, start: Sequence[str]
) -> str:
    """Names the run: what changes its result, not how it is watched."""
    watched = {"checkpoint_every_s", "tensorboard", "wandb_project", "max_hours", "threads"}
    text = json.dumps(
        [rows, texts.hash, settings.model_dump(mode="json", exclude=watched), config_text(config), *start]
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _rows_hash(data: Path) -> str:
    try:
        return sha256_of(data / ROWS)
    except OSError as error:
        raise DatasetError(
            f"There is no {ROWS} in {data}.", "Make screens first, or name their folder."
        ) from error
