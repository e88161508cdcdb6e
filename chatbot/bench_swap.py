"""What a change of adapters costs the customers of that moment: their first tokens, against those without a change."""

import statistics
import tempfile
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chatbot.adapter_choice import Lineup, Stamp
from chatbot.adapter_files import (
    GGUF_WEIGHTS,
    Adapter,
    AdapterManifest,
    base_digest,
    load_adapter,
    write_manifest,
)
from chatbot.bench import Result, bench_prompt, bench_result
from chatbot.errors import FrontdeskError, ModelError
from chatbot.generators.factory import load_engine
from chatbot.generators.swap import SwappingGenerator
from chatbot.models import ModelStore, Purpose
from chatbot.prompt import PROMPT_FORMAT
from chatbot.settings import Settings

STREAMS = 8
SWAPS = 3
_ANSWER_TOKENS = 48
_RANK = 16
_SIZE = 1e-4  # the answers stay those of the base; only the work is that of an adapter
_SETTLE_S = 600
_LAYERS = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")


@dataclass
class _Shelf:
    """Two adapters, of which one is chosen."""

    chosen: Lineup
    changes: int = 0

    def stamp(self) -> Stamp:
        return (self.changes,)

    def lineup(self) -> Lineup:
        return self.chosen

    def default(self) -> Lineup:
        return self.chosen


@dataclass
class _Customers:
    """Each asks the next question as soon as the last one is answered."""

    generator: SwappingGenerator
    began_first_s: list[tuple[float, float]] = field(default_factory=list)
    """When each answer was asked for, and how long its first token took."""
    failures: int = 0
    enough: threading.Event = field(default_factory=threading.Event)

    def ask(self, customer: int) -> None:
        asked = 0
        while not self.enough.is_set():
            asked += 1
            prompt = bench_prompt(f"Customer {customer} asks for time {asked}: may I send a router back?")
            began = time.perf_counter()
            try:
                with self.generator.turn(f"customer-{customer}") as turn:
                    stamps = [time.perf_counter() for _ in turn.stream(prompt, max_new_tokens=_ANSWER_TOKENS)]
            except FrontdeskError:
                self.failures += 1
                return
            if stamps:
                self.began_first_s.append((began, stamps[0] - began))

    def wait_for_more(self, answers: int) -> None:
        wanted = len(self.began_first_s) + answers
        while len(self.began_first_s) < wanted and self.failures < STREAMS:
            time.sleep(0.05)


def measure_swap(settings: Settings) -> Result:
    """First tokens of turns that begin while an adapter is changed, against those of the same load without a change.

    Raises:
        ModelError: The language model is not there, or not in GGUF.
    """
    path = ModelStore(settings.models_path, offline=settings.offline).resolve(settings.llm, Purpose.LLM_GGUF)
    own = settings.model_copy(
        update={"engine": "llama_cpp", "parallel_turns": STREAMS, "max_new_tokens": 128}
    )
    with tempfile.TemporaryDirectory(prefix="frontdesk-bench-") as folder:
        first, second = (idle_adapter(path, Path(folder) / name) for name in ("first", "second"))
        shelf = _Shelf(Lineup(first))
        generator = SwappingGenerator(shelf, lambda lineup: load_engine(own, path, lineup))
        try:
            return _under_load(shelf, generator, (Lineup(first), Lineup(second)))
        finally:
            generator.close()


def idle_adapter(base: Path, folder: Path) -> Adapter:
    """An adapter of the usual size on all linear layers whose weights change next to nothing.

    Raises:
        ModelError: The base is no GGUF file.
    """
    import gguf
    import numpy as np

    try:
        reader = gguf.GGUFReader(base)
    except (OSError, ValueError) as error:
        raise ModelError(f"{base.name} is not a GGUF file.", "Set `llm` to one.") from error
    folder.mkdir()
    writer = gguf.GGUFWriter(folder / GGUF_WEIGHTS, reader.fields["general.architecture"].contents())
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(_RANK))
    random = np.random.default_rng(0)
    for tensor in reader.tensors:
        if tensor.name.removesuffix(".weight").rpartition(".")[2] in _LAYERS:
            takes, gives = (int(size) for size in tensor.shape)
            for side, shape in (("lora_a", (_RANK, takes)), ("lora_b", (gives, _RANK))):
                writer.add_tensor(f"{tensor.name}.{side}", random.normal(0, _SIZE, shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    write_manifest(folder, _manifest(folder.name, base))
    return load_adapter(folder)


def _manifest(adapter_id: str, base: Path) -> AdapterManifest:
    return AdapterManifest(
        id=adapter_id,
        base_model=base.stem,
        base_sha256=base_digest(base),
        prompt_format=PROMPT_FORMAT,
        refusal_threshold=None,
        r=_RANK,
        lora_alpha=float(_RANK),
        dataset_hash="",
        seed=0,
        metrics={},
        files={},
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _under_load(shelf: _Shelf, generator: SwappingGenerator, lineups: tuple[Lineup, Lineup]) -> Result:
    customers = _Customers(generator)
    threads = [threading.Thread(target=customers.ask, args=(n,), daemon=True) for n in range(STREAMS)]
    for thread in threads:
        thread.start()
    customers.wait_for_more(STREAMS)  # warms up, and puts the customers out of step
    changing: list[tuple[float, float]] = []
    warm = time.perf_counter()
    for swap in range(1, SWAPS + 1):
        customers.wait_for_more(2 * STREAMS)
        promoted = time.perf_counter()
        shelf.chosen, shelf.changes = lineups[swap % 2], swap
        generator.settle(_SETTLE_S)
        changing.append((promoted, time.perf_counter()))
    customers.wait_for_more(2 * STREAMS)
    customers.enough.set()
    for thread in threads:
        thread.join()
    return _figures(customers, changing, warm)


def _figures(customers: _Customers, changing: list[tuple[float, float]], warm: float) -> Result:
    steady: list[float] = []
    swapping: list[float] = []
    for began, first_s in customers.began_first_s:
        if any(start <= began <= end for start, end in changing):
            swapping.append(first_s)
        elif began >= warm:
            steady.append(first_s)
    metrics: dict[str, Any] = {
        "streams": STREAMS,
        "swaps": SWAPS,
        "failed": customers.failures,
        "answers": len(customers.began_first_s),
        "answers_during_swaps": len(swapping),
        "swap_s": statistics.median(end - start for start, end in changing),
        "first_token_s": statistics.median(steady),
        "first_token_max_s": max(steady),
        "first_token_during_swap_s": statistics.median(swapping),
        "first_token_during_swap_max_s": max(swapping),
    }
    metrics["first_token_extra_s"] = metrics["first_token_during_swap_s"] - metrics["first_token_s"]
    ratio = metrics["first_token_during_swap_s"] / metrics["first_token_s"]
    return bench_result("swap", metrics, {"first_token": ratio})
