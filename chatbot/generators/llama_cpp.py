"""The default engine: llama.cpp in this process through xllamacpp.

One server object batches concurrent answers, keeps the prompt prefix of earlier turns, and holds LoRA
adapters and the vision projector. It knows nothing of retrieval.
"""

import base64
import math
import queue
import re
import secrets
import threading
from collections.abc import Generator as Steps
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx

from chatbot.adapter_files import NO_ADAPTER
from chatbot.errors import GenerationError, ModelError
from chatbot.generators.base import Prompt
from chatbot.vision.encoder import png_of, read_square
from chatbot.vision.mmproj import Mmproj
from chatbot.vision.projector import IMAGE_BEGIN, IMAGE_END

_BRACKETED = re.compile(r"[<\[][^<>\[\]\s]{1,40}[>\]]")
_PREFILL_BATCH_TOKENS = 256  # a stopped answer is noticed after at most this much of the prompt
_PROMPT_CACHE_MIB = 64
_LIKELIEST = 1000  # next tokens told by `choose`; the rest of a vocabulary would take seconds to write down

Event = dict[str, Any]


class LlamaCppGenerator:
    """A GGUF model served by llama.cpp with continuous batching.

    Args:
        model_path: GGUF file.
        context_tokens: Window of each concurrent answer.
        parallel_turns: Answers decoded together; memory for the key–value cache grows with it.
        adapters: LoRA adapters in GGUF by id; the first one is the default.
        mmproj: Tower and projector in GGUF; without it images are ignored.
        timeout_s: Longest wait for one answer.

    Raises:
        ModelError: llama.cpp cannot load the files.
    """

    def __init__(
        self,
        model_path: Path,
        *,
        name: str = "",
        context_tokens: int = 2048,
        parallel_turns: int = 4,
        threads: int = 2,
        gpu_layers: int = 0,
        adapters: Mapping[str, Path] | None = None,
        mmproj: Mmproj | None = None,
        timeout_s: float = 120.0,
    ) -> None:
        self.name = name or model_path.stem
        self.context_tokens = context_tokens
        self.sees_images = mmproj is not None
        self._adapter_ids = list(adapters or {})
        self._timeout_s = timeout_s
        self._closing = threading.Event()
        self._workers: set[threading.Thread] = set()
        key = secrets.token_urlsafe()
        params = _params(model_path, context_tokens * parallel_turns, parallel_turns, threads, gpu_layers)
        params.api_keys = [key]
        self._mmproj = mmproj
        _add_weights(params, list((adapters or {}).values()), mmproj)
        self._server = _start(params, model_path)
        self._http = httpx.Client(
            base_url=self._server.listening_address, headers={"Authorization": f"Bearer {key}"}, timeout=30
        )
        self._is_special = lru_cache(maxsize=4096)(self._tokenizes_as_special)
        self._next_token = lru_cache(maxsize=4096)(self._token_after)

    def stream(
        self,
        prompt: Prompt,
        *,
        images: Sequence[Path] = (),
        adapter: str | None = None,
        max_new_tokens: int = 256,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
        prefix: str = "",
    ) -> Iterator[str]:
        """See `Generator.stream`."""
        request = self._request(prompt, prefix, images, adapter, max_new_tokens)
        return self._texts(request | {"temperature": temperature, "stop": list(stop)})

    def choose(
        self,
        prompt: Prompt,
        options: Sequence[str],
        *,
        prefix: str = "",
        adapter: str | None = None,
        images: Sequence[Path] = (),
    ) -> tuple[float, ...]:
        """See `Generator.choose`. An option that is not among the likeliest thousand tokens has 0.

        A `stream` that follows with the same prompt finds all of it in the cache.
        """
        wanted = [self._next_token(prefix, option) for option in options]
        request = self._request(prompt, prefix, images, adapter, max_new_tokens=1)
        events = self._run(request | {"temperature": 0.0, "logprobs": True, "top_logprobs": _LIKELIEST})
        told = {t["id"]: math.exp(t["logprob"]) for event in events for t in _likeliest(event)}
        if not told:  # half a letter of several bytes comes first
            raise GenerationError("The language model did not tell how likely the choices are.")
        return tuple(told.get(token, 0.0) for token in wanted)

    def count_tokens(self, prompt: Prompt, *, images: Sequence[Path] = ()) -> int:
        """See `Generator.count_tokens`."""
        templated = self._post("/apply-template", {"messages": self._messages(prompt, ())})["prompt"]
        return self._length(templated) + self._image_tokens(len(images))

    def _image_tokens(self, images: int) -> int:
        if not images or self._mmproj is None:
            return 0
        marks = sum(map(self._length, (IMAGE_BEGIN, IMAGE_END)))  # llama.cpp reads each of them alone
        return images * (self._mmproj.visual_tokens + marks)

    def _length(self, text: str) -> int:
        return len(self._post("/tokenize", {"content": text, "parse_special": True})["tokens"])

    def close(self) -> None:
        """See `Generator.close`."""
        self._closing.set()
        for worker in list(self._workers):
            worker.join(timeout=self._timeout_s)
        self._http.close()
        self._server = None

    def _request(
        self, prompt: Prompt, prefix: str, images: Sequence[Path], adapter: str | None, max_new_tokens: int
    ) -> dict[str, Any]:
        request: dict[str, Any] = {
            "messages": self._messages(prompt, images if self.sees_images else ()),
            "max_tokens": max_new_tokens,
            "cache_prompt": True,
            "return_progress": True,
            "stream": True,
        }
        if prefix:  # llama.cpp goes on from an assistant turn at the end, with no end-of-turn token after it
            request["messages"].append({"role": "assistant", "content": self._harmless(prefix)})
        if self._adapter_ids:
            request["lora"] = self._lora(adapter)
        elif adapter not in (None, NO_ADAPTER):
            raise GenerationError(f"Adapter {adapter!r} is not loaded; there are none.")
        return request

    def _texts(self, request: dict[str, Any]) -> Iterator[str]:
        events = self._run(request)
        try:
            yield from filter(None, map(_delta, events))
        finally:
            events.close()

    def _run(self, request: dict[str, Any]) -> Steps[Event, None, None]:
        server = self._server
        if server is None:
            raise GenerationError("The language model has been closed.")
        events: queue.SimpleQueue[Event | GenerationError | None] = queue.SimpleQueue()
        cancelled = threading.Event()

        def receive(event: Event) -> bool:
            if error := event.get("error"):
                events.put(_readable(error))
            elif event.get("choices"):
                events.put(event)
            return cancelled.is_set() or self._closing.is_set()

        def work() -> None:
            try:
                server.handle_chat_completions(request, receive)
                events.put(None)
            except (RuntimeError, ValueError) as error:
                events.put(GenerationError(f"The language model refused the prompt: {error}"))
            finally:
                self._workers.discard(threading.current_thread())

        worker = threading.Thread(target=work, name="llama-stream", daemon=True)
        self._workers.add(worker)
        worker.start()
        try:
            yield from self._drain(events)
        finally:
            cancelled.set()

    def _drain(self, events: "queue.SimpleQueue[Event | GenerationError | None]") -> Iterator[Event]:
        while True:
            try:
                event = events.get(timeout=self._timeout_s)
            except queue.Empty:
                raise GenerationError(
                    f"The language model said nothing for {self._timeout_s:.0f} seconds.", "Please try again."
                ) from None
            if isinstance(event, GenerationError):
                raise event
            if self._closing.is_set():
                raise GenerationError("The language model was closed while it answered.", "Please ask again.")
            if event is None:
                return
            yield event

    def _lora(self, adapter: str | None) -> list[dict[str, float]]:
        chosen = self._adapter_ids[0] if adapter is None else adapter
        if chosen not in (*self._adapter_ids, NO_ADAPTER):
            raise GenerationError(
                f"Adapter {chosen!r} is not loaded; loaded are {', '.join(self._adapter_ids)}."
            )
        return [{"id": i, "scale": float(a == chosen)} for i, a in enumerate(self._adapter_ids)]

    def _messages(self, prompt: Prompt, images: Sequence[Path]) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = [
            {"role": turn.role, "content": self._harmless(turn.content)} for turn in prompt
        ]
        if images:
            text = {"type": "text", "text": messages[-1]["content"]}
            messages[-1]["content"] = [*map(self._image_part, images), text]
        return messages

    def _image_part(self, path: Path) -> dict[str, Any]:
        """The picture as the square that the tower sees: llama.cpp would cut another shape into tiles."""
        side_px = self._mmproj.image_px if self._mmproj else 0
        data = base64.b64encode(png_of(read_square(path, side_px))).decode("ascii")
        return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}

    def _harmless(self, text: str) -> str:
        """Splits whatever the tokenizer would take for a control token, so that text stays text."""
        return _BRACKETED.sub(
            lambda m: f"{m[0][0]} {m[0][1:]}" if self._is_special(m[0]) else m[0], text.replace("\0", "")
        )

    def _tokenizes_as_special(self, text: str) -> bool:
        as_control, as_text = (
            self._post("/tokenize", {"content": text, "parse_special": special})["tokens"]
            for special in (True, False)
        )
        return bool(as_control != as_text)

    def _token_after(self, prefix: str, option: str) -> int:
        before, after = (
            self._post("/tokenize", {"content": text, "parse_special": True})["tokens"]
            for text in (prefix, prefix + option)
        )
        if after[:-1] != before:
            raise GenerationError(f"{option!r} is not a single token after {prefix!r} for {self.name}.")
        return int(after[-1])

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        try:
            response = self._http.post(path, json=body)
            response.raise_for_status()
        except (httpx.HTTPError, RuntimeError) as error:
            raise GenerationError(f"The language model did not answer: {error}") from error
        return response.json()


def _params(model_path: Path, cache_tokens: int, parallel: int, threads: int, gpu_layers: int) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(model_path)
    params.n_ctx = cache_tokens
    params.n_parallel = parallel
    params.n_batch = params.n_ubatch = _PREFILL_BATCH_TOKENS
    params.cache_ram_mib = _PROMPT_CACHE_MIB
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.n_gpu_layers = gpu_layers
    params.warmup = False
    params.verbosity = -1
    return params


def _add_weights(params: Any, adapters: Sequence[Path], mmproj: Mmproj | None) -> None:
    import xllamacpp

    params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(path), 1.0) for path in adapters]
    if mmproj is not None:
        params.mmproj.path = str(mmproj.path)


def _start(params: Any, model_path: Path) -> Any:
    import xllamacpp

    try:
        return xllamacpp.Server(params)
    except (RuntimeError, ValueError, OSError) as error:
        raise ModelError(
            f"llama.cpp cannot load {model_path.name}: {error}.",
            "Check it with `frontdesk models verify`, or set `llm` to another GGUF file.",
        ) from error


def _delta(event: Event) -> str:
    return event["choices"][0].get("delta", {}).get("content") or ""


def _likeliest(event: Event) -> list[dict[str, Any]]:
    tokens = (event["choices"][0].get("logprobs") or {}).get("content") or [{}]
    return tokens[0].get("top_logprobs") or []


def _readable(error: dict[str, Any]) -> GenerationError:
    if error.get("type") == "exceed_context_size_error":
        return GenerationError(
            f"The prompt has {error['n_prompt_tokens']} tokens and the model's window {error['n_ctx']}.",
            "Ask a shorter question or raise `context_tokens`.",
        )
    return GenerationError(f"The language model failed: {error.get('message', 'no reason given')}.")
