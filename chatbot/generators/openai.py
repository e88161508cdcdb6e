"""Any OpenAI-compatible endpoint: vLLM, SGLang, Ollama, llama.cpp's own server or a hosted one."""

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import openai

from chatbot.adapter_files import NO_ADAPTER
from chatbot.errors import GenerationError
from chatbot.generators.base import Prompt

_CHARS_PER_TOKEN = 3  # deliberately few: an estimate that is too long drops a passage, one too short fails
_TOKENS_PER_TURN = 8
_MOST_LOGPROBS = 20  # more are refused by most servers
# vLLM, SGLang and llama.cpp go on from the last turn when told so; Ollama does without being told
_GO_ON = {"continue_final_message": True, "add_generation_prompt": False}


class OpenAIGenerator:
    """A remote model. Adapters are model names of the server, as with vLLM's `--enable-lora`.

    Args:
        model: The model's name on the server.
        base_url: For example `http://127.0.0.1:8000/v1`.
        api_key: Sent as a bearer token; empty when the server wants none.
        context_tokens: The server's window, which it cannot always be asked for.
    """

    sees_images = False

    def __init__(
        self,
        model: str,
        *,
        base_url: str,
        api_key: str = "",
        context_tokens: int = 2048,
        timeout_s: float = 120.0,
    ) -> None:
        self.name = model
        self.context_tokens = context_tokens
        self._api_key = api_key
        self._address = re.sub(r"//[^/@]*@", "//", base_url)  # a password in it is not shown
        self._client = openai.OpenAI(
            base_url=base_url, api_key=api_key or "none", timeout=timeout_s, max_retries=0
        )

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
        """See `Generator.stream`. Images are not sent: the prompt already holds what was read on them."""
        begun = False
        try:
            with self._client.chat.completions.create(
                model=self._served(adapter),
                messages=_messages(prompt, prefix),
                max_tokens=max_new_tokens,
                temperature=temperature,
                stop=list(stop) or None,
                extra_body=_GO_ON if prefix else None,
                stream=True,
            ) as events:
                for event in events:
                    if event.choices and (text := event.choices[0].delta.content):
                        begun = True
                        yield text
        except (openai.OpenAIError, ValueError) as error:  # ValueError: an event that is no JSON
            raise self._readable(error, begun) from error

    def choose(
        self,
        prompt: Prompt,
        options: Sequence[str],
        *,
        prefix: str = "",
        adapter: str | None = None,
        images: Sequence[Path] = (),
    ) -> tuple[float, ...]:
        """See `Generator.choose`. An option that is not among the server's likeliest twenty has 0."""
        try:
            completion = self._client.chat.completions.create(
                model=self._served(adapter),
                messages=_messages(prompt, prefix),
                max_tokens=1,
                temperature=0.0,
                logprobs=True,
                top_logprobs=_MOST_LOGPROBS,
                extra_body=_GO_ON if prefix else None,
            )
        except (openai.OpenAIError, ValueError) as error:
            raise self._readable(error, begun=False) from error
        told = _likeliest(completion)
        return tuple(told.get(option, 0.0) for option in options)

    def count_tokens(self, prompt: Prompt, *, images: Sequence[Path] = ()) -> int:
        """An estimate on the safe side: the server's tokenizer is not at hand.

        UTF-8 bytes over three, so that Chinese is not counted short.
        """
        return sum(len(t.content.encode()) // _CHARS_PER_TOKEN + _TOKENS_PER_TURN for t in prompt)

    def close(self) -> None:
        """See `Generator.close`."""
        self._client.close()

    def _served(self, adapter: str | None) -> str:
        return self.name if adapter in (None, NO_ADAPTER) else str(adapter)

    def _readable(self, error: Exception, begun: bool) -> GenerationError:
        match error:
            case openai.APITimeoutError():
                return GenerationError("The language model's server took too long.", "Please try again.")
            case openai.APIConnectionError() if not begun:
                return GenerationError(
                    f"The language model's server at {self._address} cannot be reached.",
                    "Check that it runs and that `openai_base_url` is right.",
                )
            case openai.AuthenticationError() | openai.PermissionDeniedError():
                return GenerationError(
                    "The language model's server refused the key.", "Check `openai_api_key`."
                )
            case openai.NotFoundError():
                return GenerationError(
                    f"The server does not know the model {self.name!r}.", "Check `llm` and `openai_base_url`."
                )
            case openai.BadRequestError() | openai.UnprocessableEntityError():
                detail = _detail(error)
                if self._api_key:
                    detail = detail.replace(self._api_key, "…")
                return GenerationError(f"The server refused the prompt: {detail}", _missing_feature(detail))
            case UnicodeEncodeError():
                return GenerationError(
                    "The key holds a character that cannot be sent.", "Check `openai_api_key`."
                )
            case openai.APIStatusError():
                return GenerationError(
                    f"The language model's server failed with status {error.status_code}.",
                    "Please try again.",
                )
        return GenerationError("The language model's answer broke off.", "Please try again.")


def _messages(prompt: Prompt, prefix: str) -> Any:
    messages = [{"role": turn.role, "content": turn.content} for turn in prompt]
    return [*messages, {"role": "assistant", "content": prefix}] if prefix else messages


def _likeliest(completion: Any) -> dict[str, float]:
    """The next tokens a server tells of, with their probabilities; several may have the same text."""
    choices = getattr(completion, "choices", None) or [None]
    told = getattr(getattr(choices[0], "logprobs", None), "content", None)
    if not told or not told[0].top_logprobs:
        raise GenerationError(
            "The language model's server does not tell how likely words are.",
            "Use a server that supports `logprobs` and `top_logprobs`, such as vLLM.",
        )
    likely: dict[str, float] = {}
    for token in told[0].top_logprobs:
        likely[token.token] = likely.get(token.token, 0.0) + math.exp(token.logprob)
    return likely


def _missing_feature(detail: str) -> str:
    if any(name in detail for name in _GO_ON):
        return "It cannot go on from the beginning of an answer; vLLM, SGLang, Ollama and llama.cpp can."
    if "logprobs" in detail:
        return "It does not tell how likely words are; vLLM, SGLang and llama.cpp do."
    return ""


def _detail(error: openai.APIStatusError) -> str:
    body = error.body if isinstance(error.body, dict) else {}
    return str(body.get("message") or "no reason given")
