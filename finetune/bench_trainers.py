"""One of the two trainers of `frontdesk bench train`, in a process of its own: it stops after each step for its turn.

After a step it writes one line, the step's tokens and seconds, and waits for a line before it goes on. Both trainers
get the same base, initial weights, examples, optimiser and schedule; TRL computes each example alone, padded to the
longest of its batch, as its `SFTTrainer` does on a CPU.
"""

import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finetune.dataset.store import Dataset
from finetune.encoding import encode_all
from finetune.lora import save_adapter, train
from finetune.model import add_adapter, load_base
from finetune.run import learning_rate
from finetune.settings import TrainSettings

OURS, PEER = "ours", "trl"
DATASET, HELD_OUT = "dataset", "held-out"
JOB = "job.json"


@dataclass(frozen=True, slots=True)
class Job:
    """What both trainers do.

    Attributes:
        folder: Holds the dataset; gets the adapters.
        base: Folder of the base.
        rows: Examples that the peer computes together.
        accumulate: How many of these make one of its steps.
    """

    folder: Path
    base: Path
    settings: TrainSettings
    rows: int
    accumulate: int

    def save(self) -> None:
        """Writes it where `load_job` finds it."""
        record = {
            "base": str(self.base),
            "settings": self.settings.model_dump(mode="json"),
            "rows": self.rows,
            "accumulate": self.accumulate,
        }
        (self.folder / JOB).write_text(json.dumps(record), encoding="utf-8")


def load_job(folder: Path) -> Job:
    """Reads what `Job.save` wrote."""
    record = json.loads((folder / JOB).read_text("utf-8"))
    settings = TrainSettings(**record["settings"])
    return Job(folder, Path(record["base"]), settings, record["rows"], record["accumulate"])


class Turns:
    """Tells of each step and waits for the next turn; what libraries print goes to stderr."""

    def __init__(self) -> None:
        self._told = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        self._began = time.perf_counter()

    def done(self, tokens: int) -> None:
        """A step is done."""
        seconds = time.perf_counter() - self._began
        self._told.write(json.dumps({"tokens": tokens, "seconds": seconds}) + "\n")
        self._told.flush()
        sys.stdin.readline()
        self._began = time.perf_counter()


def train_ours(job: Job, turns: Turns) -> None:
    """`finetune.lora.train`."""
    train(
        job.folder / DATASET,
        job.folder / OURS,
        job.settings,
        base=job.base,
        progress=lambda told: turns.done(told.tokens),
    )


def train_peer(job: Job, turns: Turns) -> None:
    """TRL's `SFTTrainer` on the same tokens and labels."""
    from accelerate.utils import set_seed
    from torch.optim import AdamW
    from torch.optim.lr_scheduler import LambdaLR
    from trl import SFTTrainer

    settings = job.settings
    set_seed(settings.seed)
    tokenizer, base = load_base(job.base)
    rows = _rows(tokenizer, job)
    steps = -(-len(rows) // (job.rows * job.accumulate)) * int(settings.epochs)
    model = add_adapter(base, settings, steps)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = AdamW(
        trained, lr=settings.learning_rate, weight_decay=settings.weight_decay, betas=(0.9, 0.99)
    )
    schedule = LambdaLR(optimizer, lambda s: learning_rate(s, steps, settings) / settings.learning_rate)
    trainer = SFTTrainer(
        model=model,
        args=_peer_settings(job),
        train_dataset=rows,
        processing_class=tokenizer,
        optimizers=(optimizer, schedule),
        callbacks=[_teller(turns)],
    )
    trainer.train()
    save_adapter(model, job.folder / PEER)


def _rows(tokenizer: Any, job: Job) -> Any:
    from datasets import Dataset as Rows

    examples, _ = encode_all(
        tokenizer, Dataset.load(job.folder / DATASET).train, max_length=job.settings.max_length
    )
    return Rows.from_list([{"input_ids": list(e.input_ids), "labels": list(e.labels)} for e in examples])


def _peer_settings(job: Job) -> Any:
    """TRL's defaults but for what would make the comparison unfair, such as recomputing activations."""
    from trl import SFTConfig

    return SFTConfig(
        output_dir=str(job.folder / "trl-run"),
        per_device_train_batch_size=job.rows,
        gradient_accumulation_steps=job.accumulate,
        num_train_epochs=job.settings.epochs,
        max_grad_norm=job.settings.max_grad_norm,
        seed=job.settings.seed,
        max_length=None,
        gradient_checkpointing=False,
        bf16=False,
        use_cpu=True,
        include_num_input_tokens_seen="non_padding",
        dataset_kwargs={"skip_prepare_dataset": True},
        save_strategy="no",
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )


def _teller(turns: Turns) -> Any:
    from transformers import TrainerCallback

    class Teller(TrainerCallback):  # type: ignore[misc]
        """Tells of each step of the peer."""

        def __init__(self) -> None:
            self._seen = 0

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            """Called by the trainer."""
            seen = int(state.num_input_tokens_seen)
            turns.done(seen - self._seen)
            self._seen = seen

    return Teller()


if __name__ == "__main__":
    {OURS: train_ours, PEER: train_peer}[sys.argv[1]](load_job(Path(sys.argv[2])), Turns())
