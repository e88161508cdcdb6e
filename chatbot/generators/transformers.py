"""Hugging Face transformers as the engine: GPU machines without a server, and checks against llama.cpp."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatbot.adapter_files import NO_ADAPTER
from chatbot.errors import GenerationError, ModelError
from chatbot.generators.base import ChatTurn, Prompt
from chatbot.vision.places import embedded, ids_with_pictures
from chatbot.vision.sight import ProjectorFiles, TorchSight


class TransformersGenerator:
    """A causal language model from a folder, or from a GGUF file whose weights are dequantised.

    Answers are generated one at a time: batching across requests is what servers are for.

    Args:
        model_path: Folder with config, tokenizer and safetensors, or a `.gguf` file.
        adapters: PEFT adapter folders (safetensors) by id; the first one is the default.
        projector: Without it images are ignored.
    """

    def __init__(
        self,
        model_path: Path,
        *,
        name: str = "",
        context_tokens: int = 2048,
        threads: int = 2,
        adapters: Mapping[str, Path] | None = None,
        projector: ProjectorFiles | None = None,
        timeout_s: float = 120.0,
    ) -> None:
        self.name = name or model_path.stem
        self.sees_images = projector is not None
        self.context_tokens = context_tokens
        self._adapter_ids = list(adapters or {})
        self._timeout_s = timeout_s
        self._turn = threading.Lock()
        self._closing = threading.Event()
        self._tokenizer, self._model = _load(model_path, threads)
        for adapter_id, folder in (adapters or {}).items():
            self._model = _with_adapter(self._model, adapter_id, folder)
        self._sight = TorchSight(projector) if projector else None

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
        token_ids = self._fitting(prompt, prefix, adapter, images, max_new_tokens)
        visual = self._sight.tokens_of(images) if self._sight else None
        return self._run(_Asked(token_ids, visual), adapter, _sampling(max_new_tokens, temperature), stop)

    def choose(
        self,
        prompt: Prompt,
        options: Sequence[str],
        *,
        prefix: str = "",
        adapter: str | None = None,
        images: Sequence[Path] = (),
    ) -> tuple[float, ...]:
        """See `Generator.choose`."""
        import torch

        token_ids = self._fitting(prompt, prefix, adapter, images, 1)
        visual = self._sight.tokens_of(images) if self._sight else None
        wanted = [self._token_after(prefix, option) for option in options]
        try:
            with self._turn, torch.inference_mode(), self._adapted(adapter) as model:
                inputs = _inputs(model, _Asked(token_ids, visual))
                logits = model(**inputs, logits_to_keep=1).logits[0, -1]  # [vocabulary]
        except RuntimeError as error:
            raise GenerationError(f"The language model failed: {error}") from error
        probabilities = logits.float().softmax(-1)[wanted]
        return tuple(probabilities.tolist())

    def count_tokens(self, prompt: Prompt, *, images: Sequence[Path] = ()) -> int:
        """See `Generator.count_tokens`."""
        return len(self._encode(prompt, images=images))

    def close(self) -> None:
        """See `Generator.close`."""
        self._closing.set()
        with self._turn:
            self._model = None

    def _fitting(
        self, prompt: Prompt, prefix: str, adapter: str | None, images: Sequence[Path], new_tokens: int
    ) -> list[int]:
        if adapter not in (None, NO_ADAPTER, *self._adapter_ids):
            raise GenerationError(f"Adapter {adapter!r} is not loaded.")
        token_ids = self._encode(prompt, prefix, images)
        if len(token_ids) + new_tokens > self.context_tokens:
            raise GenerationError(
                f"The prompt has {len(token_ids)} tokens and the answer may have {new_tokens}; "
                f"the window is {self.context_tokens}.",
                "Ask a shorter question or raise `context_tokens`.",
            )
        return token_ids

    def _encode(self, prompt: Prompt, prefix: str = "", images: Sequence[Path] = ()) -> list[int]:
        turns = [ChatTurn(turn.role, self._harmless(turn.content)) for turn in prompt]
        pictures, each = (range(len(images)), self._sight.visual_tokens) if self._sight else ((), 0)
        return ids_with_pictures(self._tokenizer, turns, pictures, each, self._harmless(prefix))

    def _token_ids(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def _token_after(self, prefix: str, option: str) -> int:
        token_ids = self._token_ids(prefix + option)
        if token_ids[:-1] != self._token_ids(prefix):
            raise GenerationError(f"{option!r} is not a single token after {prefix!r} for {self.name}.")
        return token_ids[-1]

    def _harmless(self, text: str) -> str:
        """Splits the model's control tokens where they stand in somebody's text."""
        for special in self._tokenizer.all_special_tokens:
            text = text.replace(special, f"{special[0]} {special[1:]}")
        return text

    def _run(
        self, asked: "_Asked", adapter: str | None, sampling: dict[str, Any], stop: Sequence[str]
    ) -> Iterator[str]:
        from transformers import TextIteratorStreamer

        cancelled = threading.Event()
        streamer = TextIteratorStreamer(
            self._tokenizer, skip_prompt=True, skip_special_tokens=True, timeout=self._timeout_s
        )
        failure: list[GenerationError] = []

        def work() -> None:
            try:
                with self._turn:
                    self._generate(asked, adapter, sampling, streamer, cancelled)
            except (RuntimeError, ValueError) as error:
                failure.append(GenerationError(f"The language model failed: {error}"))
                streamer.end()

        threading.Thread(target=work, name="transformers-stream", daemon=True).start()
        try:
            yield from _until(streamer, stop)
        finally:
            cancelled.set()
        if failure:
            raise failure[0]
        if self._closing.is_set():
            raise GenerationError("The language model was closed while it answered.", "Please ask again.")

    def _generate(
        self,
        asked: "_Asked",
        adapter: str | None,
        sampling: dict[str, Any],
        streamer: Any,
        cancelled: threading.Event,
    ) -> None:
        import torch
        from transformers import StoppingCriteriaList

        stopping = StoppingCriteriaList([_Stopper(cancelled, self._closing)])
        with torch.inference_mode(), self._adapted(adapter) as model:
            inputs = _inputs(model, asked)
            model.generate(
                **inputs,
                attention_mask=torch.ones(1, len(asked.token_ids), dtype=torch.long, device=model.device),
                streamer=streamer,
                stopping_criteria=stopping,
                pad_token_id=self._tokenizer.pad_token_id or self._tokenizer.eos_token_id,
                **sampling,
            )

    @contextmanager
    def _adapted(self, adapter: str | None) -> Iterator[Any]:
        """The model with an adapter switched on; the caller holds the turn."""
        if self._model is None:
            raise RuntimeError("it has been closed")
        if adapter == NO_ADAPTER and self._adapter_ids:
            with self._model.disable_adapter():
                yield self._model
            return
        if self._adapter_ids:
            self._model.set_adapter(adapter or self._adapter_ids[0])
        yield self._model


@dataclass(frozen=True, slots=True)
class _Asked:
    """A prompt in tokens, and the visual tokens that take the places of the negative ones."""

    token_ids: list[int]
    visual: Any = None


def _inputs(model: Any, asked: _Asked) -> dict[str, Any]:
    """What the model reads; embeddings only where there are pictures, whose tokens no text could give back."""
    import torch

    ids = torch.tensor([asked.token_ids], device=model.device)
    if asked.visual is None:
        return {"input_ids": ids}
    visual = asked.visual.to(model.device)
    return {"inputs_embeds": embedded(model.get_input_embeddings(), ids, visual)}


class _Stopper:
    """Ends a generation whose reader has gone; shape [batch] as transformers wants it."""

    def __init__(self, *events: threading.Event) -> None:
        self._events = events

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        import torch

        stop = any(event.is_set() for event in self._events)
        return torch.full((input_ids.shape[0],), stop, dtype=torch.bool, device=input_ids.device)


def _sampling(max_new_tokens: int, temperature: float) -> dict[str, Any]:
    if temperature == 0:
        return {"max_new_tokens": max_new_tokens, "do_sample": False, "temperature": None, "top_p": None}
    return {"max_new_tokens": max_new_tokens, "do_sample": True, "temperature": temperature}


def _until(pieces: Iterator[str], stop: Sequence[str]) -> Iterator[str]:
    """Passes pieces on up to a stop string, holding back what could be the beginning of one."""
    hold = max((len(s) for s in stop), default=1) - 1
    pending = ""
    for piece in pieces:
        pending += piece
        ends = [at for s in stop if (at := pending.find(s)) >= 0]
        if ends:
            if text := pending[: min(ends)]:
                yield text
            return
        if ready := pending[: len(pending) - hold] if hold else pending:
            yield ready
            pending = pending[len(ready) :]
    if pending:
        yield pending


def _load(model_path: Path, threads: int) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(threads)
    folder, options = model_path, {}
    if model_path.suffix == ".gguf":
        folder, options = model_path.parent, {"gguf_file": model_path.name}
    device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, **options)
        model = AutoModelForCausalLM.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype=dtype, **options
        )
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(
            f"transformers cannot load {model_path.name}: {error}.",
            "Set `llm` to a folder with config, tokenizer and safetensors, or to a GGUF file.",
        ) from error
    return tokenizer, model.to(device).eval()


def _with_adapter(model: Any, adapter_id: str, folder: Path) -> Any:
    from peft import PeftModel

    if not (folder / "adapter_model.safetensors").is_file():
        raise ModelError(f"The adapter {adapter_id} has no adapter_model.safetensors.")
    if isinstance(model, PeftModel):
        model.load_adapter(str(folder), adapter_name=adapter_id)
        return model
    return PeftModel.from_pretrained(model, str(folder), adapter_name=adapter_id)
