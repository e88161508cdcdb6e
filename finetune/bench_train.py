"""Speed of training and the loss it ends in, against TRL's `SFTTrainer` in the same run.

Each trainer is a process of its own. They take turns step by step, so that whatever else the machine does hits both.
"""

import importlib.util
import json
import math
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from chatbot.bench import EXAMPLES, Result, bench_result
from chatbot.models import ModelStore, Purpose
from chatbot.services import Services
from chatbot.settings import Settings
from finetune.bench_trainers import DATASET, HELD_OUT, OURS, PEER, Job
from finetune.dataset.example import Example
from finetune.dataset.from_knowledge_base import build_examples
from finetune.dataset.store import Dataset, split_by_source
from finetune.encoding import encode_all
from finetune.errors import TrainingError
from finetune.evaluation_rows import load_rows
from finetune.heldout import heldout_loss
from finetune.model import load_base
from finetune.packing import grow_trees, pack, steps_of
from finetune.settings import DatasetSettings, TrainSettings

TRAIN, VALIDATION = 128, 48
_PEER_ROWS = 8  # TRL's own batch size; a larger batch is accumulated
_SEED = 7
_NEVER = 10**6
_ROOT = Path(__file__).resolve().parent.parent
SETTINGS = TrainSettings(
    epochs=2,
    mark_weight=1.0,
    precision="fp32",
    evaluate_every_steps=_NEVER,
    checkpoint_every_s=_NEVER,
    seed=_SEED,
)
"""Our defaults with TRL's loss, in which every token counts the same."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a trainer; `tokens` are those of its examples, without padding."""

    tokens: int
    seconds: float


@dataclass
class Racer:
    """A trainer in its process, waiting for its turn after each step."""

    name: str
    process: subprocess.Popen[str]
    errors: IO[str]
    steps: list[Step] = field(default_factory=list)

    def listen(self) -> bool:
        """Waits for the end of a step; False when there is none any more.

        Raises:
            TrainingError: The process failed.
        """
        if line := (self.process.stdout or self.errors).readline():
            self.steps.append(Step(**json.loads(line)))
            return True
        if self.process.wait():
            self.errors.seek(0)
            said = self.errors.read().strip().splitlines() or ["it said nothing"]
            raise TrainingError(
                f"The trainer {self.name!r} failed: {said[-1]}",
                "Run it again; if it stays, install the versions of constraints.txt.",
            )
        return False

    def go_on(self) -> bool:
        """Lets it do one step; False when it was at its end."""
        if self.process.stdin:
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        return self.listen()


def measure_train(settings: Settings) -> Result:
    """Our trainer against TRL's on examples of the example company.

    Raises:
        TrainingError: TRL is not installed, or a trainer failed.
    """
    if importlib.util.find_spec("trl") is None:
        raise TrainingError("TRL is not installed.", "pip install -c constraints.txt 'frontdesk[bench]'")
    base = ModelStore(settings.models_path, offline=settings.offline).resolve(settings.llm, Purpose.LLM_GGUF)
    with tempfile.TemporaryDirectory(prefix="frontdesk-bench-") as name:
        folder = Path(name)
        parts = _examples(settings, folder)
        return race(folder, base, parts["train"][:TRAIN], parts["validation"][:VALIDATION], SETTINGS)


def race(
    folder: Path, base: Path, train: Sequence[Example], held_out: Sequence[Example], settings: TrainSettings
) -> Result:
    """Both trainers on the same examples, and the loss of both adapters on the held-out ones.

    Raises:
        TrainingError: A trainer failed.
    """
    Dataset(tuple(train)).save(folder / DATASET)
    Dataset(tuple(held_out)).save(folder / HELD_OUT)
    plain = _plain(base, folder / "base")
    job = _job(folder, plain, train, settings)
    job.save()
    with _started(OURS, folder) as ours, _started(PEER, folder) as peer:
        running = [ours, peer]
        while running:
            running = [racer for racer in running if racer.go_on()]
    metrics = {
        "examples": float(len(train)),
        "examples_per_step": float(job.rows * job.accumulate),
        **_figures(ours),
        **_figures(peer),
        **_losses(folder, plain),
    }
    return bench_result("train", metrics, _ratios(metrics))


@contextmanager
def _started(name: str, folder: Path) -> Iterator[Racer]:
    """A trainer after its first step, which is not counted: it holds the loading and warms up."""
    command = [sys.executable, "-m", "finetune.bench_trainers", name, str(folder)]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, cwd=_ROOT, text=True
        )
        try:
            racer = Racer(name, process, errors)
            racer.listen()
            racer.steps.clear()
            yield racer
        finally:
            process.kill()
            process.communicate()


def _plain(base: Path, folder: Path) -> Path:
    """The base as full weights in a folder: the peer does not train what came from a quantised file."""
    from transformers import AutoModelForCausalLM

    tokenizer, model = load_base(base)
    config = model.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    plain = AutoModelForCausalLM.from_config(config)
    plain.load_state_dict(model.state_dict())
    plain.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _job(folder: Path, base: Path, train: Sequence[Example], settings: TrainSettings) -> Job:
    """The peer's batch holds as many examples as a step of ours does on average."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base)
    encoded, _ = encode_all(tokenizer, train, max_length=settings.max_length)
    trees = grow_trees(encoded, settings.pack_tokens, settings.examples_per_context)
    packs = pack(trees, settings.pack_tokens)
    batch = max(1, round(len(encoded) / len(steps_of(packs, settings.tokens_per_step, settings.seed))))
    accumulate = math.ceil(batch / _PEER_ROWS)
    return Job(folder, base, settings, max(1, round(batch / accumulate)), accumulate)


def _examples(settings: Settings, folder: Path) -> dict[str, tuple[Example, ...]]:
    own = settings.model_copy(update={"data_dir": folder / "data", "models_dir": settings.models_path})
    services = Services(own)
    try:
        knowledge_base = services.knowledge_base()
        knowledge_base.add_path(EXAMPLES / "articles")
        wanted = DatasetSettings(examples=2 * (TRAIN + VALIDATION))
        made = build_examples(knowledge_base, wanted, _SEED)
    finally:
        services.close()
    return split_by_source(made, validation_share=0.3, test_share=0.0, seed=_SEED)


def _figures(racer: Racer) -> dict[str, float]:
    tokens, seconds = (sum(getattr(s, part) for s in racer.steps) for part in ("tokens", "seconds"))
    return {
        f"{racer.name}_steps": float(len(racer.steps)),
        f"{racer.name}_tokens_per_s": statistics.median(s.tokens / s.seconds for s in racer.steps),
        f"{racer.name}_tokens_per_s_overall": tokens / seconds,
        f"{racer.name}_seconds": seconds,
    }


def _losses(folder: Path, base: Path) -> dict[str, float]:
    from peft import PeftModel

    rows = load_rows(folder / HELD_OUT / "train.jsonl")
    tokenizer, bare = load_base(base)
    found = {"base_heldout_loss": heldout_loss(rows, bare, tokenizer).loss}
    model = PeftModel.from_pretrained(bare, folder / OURS, adapter_name=OURS)
    model.load_adapter(folder / PEER, adapter_name=PEER)
    for name in (OURS, PEER):
        model.set_adapter(name)
        found[f"{name}_heldout_loss"] = heldout_loss(rows, model, tokenizer).loss
    return found


def _ratios(metrics: dict[str, float]) -> dict[str, float]:
    names = ("tokens_per_s", "tokens_per_s_overall", "heldout_loss")
    return {name: metrics[f"{OURS}_{name}"] / metrics[f"{PEER}_{name}"] for name in names}
