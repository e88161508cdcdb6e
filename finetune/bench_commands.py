"""`frontdesk bench train`: our trainer against a peer."""

from typing import Annotated

import typer

from chatbot.cli import run_bench


def bench_train(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Frontdesk's trainer against TRL's SFTTrainer: same base, LoRA, examples and batch, in turns. Takes minutes."""
    from finetune.bench_train import measure_train

    run_bench("train", measure_train, as_json)
