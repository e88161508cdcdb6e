"""What a picture adds to a turn, stage by stage, on the example company's screenshots.

Each screenshot is new to the turn: it is read, described and answered from. What seeing costs is the time to the first
token of the same prompt and adapter, with the picture and without. Each figure is a median of the screenshots.
"""

import json
import multiprocessing
import re
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chatbot.bench import EXAMPLES, Result, bench_prompt, bench_result
from chatbot.errors import ModelError
from chatbot.evaluation.turns import VISITOR, whole_turns
from chatbot.generators.base import Generator
from chatbot.generators.factory import make_generator
from chatbot.generators.swap import SwappingGenerator
from chatbot.messages import Message, Perceived, TextDelta
from chatbot.models import ModelStore
from chatbot.services import Services
from chatbot.settings import NO_PROJECTOR, Settings
from chatbot.vision.describing import Describer

SCREENS = 12
BAR_SEEING_S, BAR_FIRST_S, BAR_MEMORY_MB = 0.6, 2.5, 250.0


def measure_screen(settings: Settings) -> Result:
    """Seconds of each stage, and the memory that seeing takes; ratios against the bars of 0.6 s, 2.5 s and 250 MB.

    Raises:
        ModelError: The language model has no projector.
        FrontdeskError: A model is missing.
    """
    lines = (EXAMPLES / "screenshots" / "screenshots.jsonl").read_text(encoding="utf-8").splitlines()
    asked = [(str(row["text"]), EXAMPLES / "screenshots" / row["image"]) for row in map(json.loads, lines)][
        :SCREENS
    ]
    with whole_turns(settings, EXAMPLES) as services:
        generator = services.loaded().generator
        if not isinstance(generator, SwappingGenerator) or generator.looking is None:
            raise ModelError("The language model of the settings does not see pictures.")
        stages = [_stages(generator, generator.looking, path) for _, path in asked]
        turns = [_turn(services, text, path) for text, path in asked]
    blind = settings.model_copy(update={"projector": NO_PROJECTOR})
    metrics = {
        **{name: statistics.median(one[name] for one in stages) for name in stages[0]},
        **{name: statistics.median(one[name] for one in turns) for name in turns[0]},
        "memory_extra_mb": _peak_mb(settings, asked[0][1]) - _peak_mb(blind, asked[0][1]),
    }
    ratios = {
        "seeing_of_bar": metrics["seeing_s"] / BAR_SEEING_S,
        "first_token_of_bar": metrics["first_token_of_turn_s"] / BAR_FIRST_S,
        "memory_of_bar": metrics["memory_extra_mb"] / BAR_MEMORY_MB,
    }
    return bench_result("screen", metrics, ratios)


def _stages(generator: Generator, looking: str, path: Path) -> dict[str, float]:
    """The first token with and without the picture, and the description; what seeing adds is their difference."""
    prompt = bench_prompt(f"What does {path.stem} mean?")
    given = {"adapter": looking, "max_new_tokens": 1}
    blind = _seconds(lambda: list(generator.stream(prompt, **given)))  # type: ignore[arg-type]
    seeing = _seconds(lambda: list(generator.stream(prompt, images=(path,), **given)))  # type: ignore[arg-type]
    describer = Describer(lambda: generator, looking)
    return {
        "first_token_without_s": blind,
        "first_token_with_s": seeing,
        "seeing_s": max(0.0, seeing - blind),
        "description_s": _seconds(lambda: describer.describe(path, "")),
    }


def _turn(services: Services, text: str, path: Path) -> dict[str, float]:
    """From sending to what was perceived, and to the first words of the answer."""
    started_s = time.perf_counter()
    attachment = services.attachments.add(path, path.name)
    conversation = services.store.create(VISITOR)
    found: dict[str, float] = {}
    for event in services.assistant().respond(Message(text, (attachment,)), conversation.id, VISITOR):
        name = {Perceived: "perceived_s", TextDelta: "first_token_of_turn_s"}.get(type(event))
        if name:
            found.setdefault(name, time.perf_counter() - started_s)
    return {"perceived_s": 0.0, "first_token_of_turn_s": 0.0} | found


def _seconds(work: Callable[[], object]) -> float:
    started_s = time.perf_counter()
    work()
    return time.perf_counter() - started_s


def _peak_mb(settings: Settings, picture: Path) -> float:
    """Most memory that a process of its own took for the engine and one answer about a picture."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return float(pool.apply(_answered_mb, (settings.model_dump(exclude_unset=True), str(picture))))


def _answered_mb(values: dict[str, Any], picture: str) -> float:
    settings = Settings(**values)
    generator = make_generator(settings, ModelStore(settings.models_path, offline=settings.offline))
    list(generator.stream(bench_prompt("What is this?"), images=(Path(picture),), max_new_tokens=8))
    generator.close()
    # getrusage would also count what the parent had before this process was its own
    status = Path("/proc/self/status").read_text("utf-8")
    return float(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1000
