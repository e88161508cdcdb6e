"""Speed and memory, each against the bare engine in the same run. Medians of alternating rounds."""

import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from chatbot.generators.base import ChatTurn, Prompt
from chatbot.messages import Decided, Done, Message
from chatbot.models import ModelStore, Purpose
from chatbot.prompt import Passage, Question, render_conversation
from chatbot.settings import Settings

Result = dict[str, Any]
ROUNDS = 5
_ANSWER_TOKENS = 96
_TYPED = "Number {}: may I send an opened router back and who pays?"
_ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = _ROOT / "examples"
_PASSAGE = (
    "You can return a product within 45 days after delivery, also when it was opened. The return label is "
    "free. The refund is paid within 7 working days after the parcel has arrived. "
)


@dataclass(frozen=True, slots=True)
class _Timing:
    first_s: float
    decode_per_s: float


def measure_engine(settings: Settings) -> Result:
    """Frontdesk's llama.cpp generator against bare xllamacpp: same model, prompts, threads and window."""
    from chatbot.generators.llama_cpp import LlamaCppGenerator

    path = ModelStore(settings.models_path, offline=settings.offline).resolve(settings.llm, Purpose.LLM_GGUF)
    before = _rss_mb()
    ours = LlamaCppGenerator(
        path,
        context_tokens=settings.context_tokens,
        parallel_turns=settings.parallel_turns,
        threads=settings.threads,
    )
    our_rss = _rss_mb() - before
    bare = _bare_server(path, settings)
    timings: dict[str, list[_Timing]] = {"ours": [], "bare": []}
    for turn in range(ROUNDS + 1):
        prompt = bench_prompt(f"Round {turn}: how long do I have to return a router?")
        timings["bare"].append(_time_bare(bare, prompt))
        timings["ours"].append(_time(ours.stream(prompt, max_new_tokens=_ANSWER_TOKENS)))
    prompt_tokens = ours.count_tokens(bench_prompt("Round 1: how long do I have to return a router?"))
    ours.close()
    median = {name: _median(rounds[1:]) for name, rounds in timings.items()}  # the first round warms up
    return bench_result(
        "engine",
        {
            "prompt_tokens": prompt_tokens,
            "decode_tokens_per_s": median["ours"].decode_per_s,
            "bare_decode_tokens_per_s": median["bare"].decode_per_s,
            "first_token_s": median["ours"].first_s,
            "bare_first_token_s": median["bare"].first_s,
            "first_token_extra_s": median["ours"].first_s - median["bare"].first_s,
            "engine_rss_mb": our_rss,
        },
        {
            "decode": median["ours"].decode_per_s / median["bare"].decode_per_s,
            "first_token": median["ours"].first_s / median["bare"].first_s,
        },
    )


def measure_turn(settings: Settings) -> Result:
    """Whole turns on the example company, in a data folder of their own, and the page's start."""
    folder = Path(tempfile.mkdtemp(prefix="frontdesk-bench-"))
    try:
        own = settings.model_copy(
            update={"data_dir": folder, "models_dir": settings.models_path, "example_company": True}
        )
        metrics = _turns(own)
        environment = {**os.environ, "FRONTDESK_DATA_DIR": str(folder), "FRONTDESK_OFFLINE": "1"}
        environment["FRONTDESK_MODELS_DIR"] = str(settings.models_path)
        metrics |= _starts(environment)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    extra = metrics["typed_first_token_s"] - metrics["bare_first_token_s"]
    metrics["typed_first_token_extra_s"] = extra
    ratio = metrics["typed_first_token_s"] / metrics["bare_first_token_s"]
    return bench_result("turn", metrics, {"typed_first_token": ratio})


def _turns(settings: Settings) -> dict[str, float]:
    from chatbot.services import Services

    services = Services(settings, EXAMPLES)
    assistant = services.assistant()
    attachments = services.attachments
    store = services.store

    def ask(message: Message) -> tuple[dict[str, float], str]:
        conversation = store.create("bench")
        events = list(assistant.respond(message, conversation.id, "bench"))
        done = next(e for e in events if isinstance(e, Done))
        return dict(done.timings_ms), next(e.decision.value for e in events if isinstance(e, Decided))

    picture = attachments.add(EXAMPLES / "screenshots" / "card-declined-dark.png", "screen.png")
    voice = attachments.add(EXAMPLES / "voice" / "return-dot.wav", "note.wav")
    ask(Message("", (picture,)))
    ask(Message("", (voice,)))
    template = [ask(Message("How much does shipping cost?")) for _ in range(ROUNDS)]
    typed = [ask(Message(_TYPED.format(n)))[0] for n in range(ROUNDS)]
    first = [t["perceive"] + t["retrieve"] + t["first_token"] for t in typed if "first_token" in t]
    metrics = {
        "template_total_s": _seconds([t["total"] for t, decision in template if decision == "template"]),
        "typed_first_token_s": _seconds(first),
        "typed_first_text_s": _seconds([t["first_text"] for t in typed]),
        "typed_total_s": _seconds([t["total"] for t in typed]),
        "bare_first_token_s": _bare_first_token(settings, services),
    }
    metrics |= _perception(services, picture, voice)
    metrics["rss_all_modalities_mb"] = _rss_mb()
    services.close()
    return metrics


def _perception(services: Any, picture: Any, voice: Any) -> dict[str, float]:
    """Seconds to read a screenshot and to hear a voice note, models warm, nothing remembered."""
    readings, hearings = [], []
    perceiver = services.loaded().perceiver
    for _ in range(ROUNDS):
        perceiver.forget()
        readings.append(_elapsed(lambda: perceiver.perceive(Message("", (picture,)))))
        hearings.append(_elapsed(lambda: perceiver.perceive(Message("", (voice,)))))
    return {
        "read_screenshot_s": statistics.median(readings),
        "hear_voice_note_s": statistics.median(hearings),
    }


def _bare_first_token(settings: Settings, services: Any) -> float:
    """Bare prefill of a prompt of the same kind: three retrieved passages and the question."""
    path = services.models.resolve(settings.llm, Purpose.LLM_GGUF)
    bare = _bare_server(path, settings)
    firsts = []
    for n in range(ROUNDS + 1):
        question = _TYPED.format(n)
        found = services.loaded().knowledge_base.retrieve(question).chunks[:3]
        passages = [Passage.of(i, c.chunk) for i, c in enumerate(found, 1)]
        prompt = render_conversation(settings.company_name, [], passages, Question(question))
        firsts.append(_time_bare(bare, prompt).first_s)
    return statistics.median(firsts[1:])


def _starts(environment: dict[str, str]) -> dict[str, float]:
    """A cold process to its first answer, and the server to its page and to ready models."""
    command = [sys.executable, "-m", "app"]
    ask = [*command, "ask", "--json", "How much does shipping cost?"]
    answer_s = _elapsed(
        lambda: subprocess.run(ask, env=environment, cwd=_ROOT, check=True, capture_output=True)
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = time.perf_counter()
    server = subprocess.Popen(
        [*command, "serve", "--port", str(port)],
        env=environment,
        cwd=_ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        page_s = _until(f"http://127.0.0.1:{port}/", started, lambda r: r.status_code == 200)
        ready_s = _until(f"http://127.0.0.1:{port}/readyz", started, lambda r: r.json()["ready"])
    finally:
        server.terminate()
        server.wait(timeout=30)
    return {"cold_start_to_first_answer_s": answer_s, "page_interactive_s": page_s, "models_ready_s": ready_s}


def _until(url: str, started: float, is_there: Callable[[httpx.Response], bool]) -> float:
    while time.perf_counter() - started < 120:
        try:
            if is_there(httpx.get(url, timeout=5)):
                return time.perf_counter() - started
        except httpx.HTTPError:
            time.sleep(0.05)
    return float("nan")


def _bare_server(path: Path, settings: Settings) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx = settings.context_tokens
    params.n_parallel = 1
    params.cpuparams.n_threads = settings.threads
    params.verbosity = -1
    return xllamacpp.Server(params)


def _time_bare(server: Any, prompt: Prompt) -> _Timing:
    started = time.perf_counter()
    stamps: list[float] = []

    def receive(event: dict[str, Any]) -> bool:
        if event["choices"] and event["choices"][0]["delta"].get("content"):
            stamps.append(time.perf_counter())
        return False

    messages = [{"role": t.role, "content": t.content} for t in prompt]
    request = {"messages": messages, "max_tokens": _ANSWER_TOKENS, "temperature": 0.0, "stream": True}
    server.handle_chat_completions(request, receive)
    return _timing(started, stamps)


def _time(pieces: Iterator[str]) -> _Timing:
    started = time.perf_counter()
    return _timing(started, [time.perf_counter() for _ in pieces])


def _timing(started: float, stamps: Sequence[float]) -> _Timing:
    return _Timing(stamps[0] - started, (len(stamps) - 1) / max(stamps[-1] - stamps[0], 1e-9))


def bench_prompt(question: str) -> Prompt:
    """A question with a passage, of which nothing is in the engine's cache when the question is new."""
    passage = Passage(1, "returns", "Returns and refunds", "", _PASSAGE * 4)
    prompt = render_conversation("Wrenfield", [], [passage], Question(question))
    return [
        ChatTurn("system", f"{question} {prompt[0].content}"),
        *prompt[1:],
    ]


def _median(rounds: Sequence[_Timing]) -> _Timing:
    return _Timing(
        statistics.median(t.first_s for t in rounds), statistics.median(t.decode_per_s for t in rounds)
    )


def _seconds(milliseconds: Sequence[float]) -> float:
    return statistics.median(milliseconds) / 1000 if milliseconds else float("nan")


def _elapsed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _rss_mb() -> float:
    return float(psutil.Process().memory_info().rss) / 1e6


def bench_result(name: str, metrics: dict[str, float], ratios: dict[str, float]) -> Result:
    """Figures as every bench reports them."""
    machine = {"cpu": platform.processor() or platform.machine(), "cores": os.cpu_count() or 1}
    return {
        "bench": name,
        "machine": machine,
        "metrics": {key: round(float(value), 4) for key, value in metrics.items()},
        "ratios": {key: round(float(value), 4) for key, value in ratios.items()},
    }
