"""Adapters change under load: new turns go to a new engine while the old one finishes its answers.

A turn holds one engine and one adapter from its first question to its last word, so no answer is ever mixed. At
most two engines exist at a time. It knows nothing of who writes the registry's pointer.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from chatbot.adapter_choice import Lineup, Stamp
from chatbot.adapter_files import NO_ADAPTER, Adapter
from chatbot.errors import FrontdeskError, GenerationError
from chatbot.generators.base import Generator, Prompt

log = logging.getLogger(__name__)


class Shelf(Protocol):
    """What is needed of `adapter_choice.AdapterShelf`."""

    def stamp(self) -> Stamp:
        """Changes when another line-up may have been chosen."""
        ...

    def lineup(self) -> Lineup:
        """The verified adapters that serve now."""
        ...

    def default(self) -> Lineup:
        """What the settings alone say."""
        ...


class TurnGenerator:
    """One engine and one adapter for the length of a turn; a `Generator` itself.

    Args:
        usual: What the engine is asked for when there is no adapter; None leaves it to the engine.
        looking: Adapter for prompts with pictures, which the turn's own one has never seen; None where there is none.

    Attributes:
        adapter_id: For the answer's evidence; `none` is the bare base.
        refusal: From when on the adapter refuses, None where nothing was fitted.
        languages: Those that it was fitted in.
    """

    def __init__(
        self,
        generator: Generator,
        adapter: Adapter | None = None,
        *,
        usual: str | None = None,
        looking: str | None = None,
    ) -> None:
        self.name = generator.name
        self.context_tokens = generator.context_tokens
        self.sees_images = generator.sees_images
        self.adapter_id = adapter.id if adapter else NO_ADAPTER
        self.refusal = adapter.manifest.refusal if adapter else None
        self.languages = adapter.manifest.languages if adapter else ()
        self.looking = looking
        self._generator = generator
        self._adapter = adapter.id if adapter else usual

    def _serving(self, adapter: str | None, images: Sequence[Path]) -> str | None:
        return adapter or (self.looking if images else None) or self._adapter

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
        """See `Generator.stream`; the turn's adapter is the default one, with pictures that for looking."""
        return self._generator.stream(
            prompt,
            images=images,
            adapter=self._serving(adapter, images),
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            stop=stop,
            prefix=prefix,
        )

    def choose(
        self,
        prompt: Prompt,
        options: Sequence[str],
        *,
        prefix: str = "",
        adapter: str | None = None,
        images: Sequence[Path] = (),
    ) -> tuple[float, ...]:
        """See `Generator.choose`; adapters as for `stream`."""
        return self._generator.choose(
            prompt, options, prefix=prefix, adapter=self._serving(adapter, images), images=images
        )

    def count_tokens(self, prompt: Prompt, *, images: Sequence[Path] = ()) -> int:
        """See `Generator.count_tokens`."""
        return self._generator.count_tokens(prompt, images=images)

    def close(self) -> None:
        """Does nothing: the engine outlives the turn."""


@dataclass(slots=True, eq=False)
class _Engine:
    generator: Generator
    loaded: tuple[Adapter, ...]
    lineup: Lineup
    turns: int = 0


class SwappingGenerator:
    """A `Generator` that follows the registry's pointer without a restart.

    Args:
        load: Starts an engine with the adapters of a line-up.
        drain_timeout_s: An old engine is closed after this time even if a turn still holds it.
        looking: Id under which every engine holds the adapter for pictures; None without one.

    Attributes:
        problem: Why the newest choice does not serve; None when it does.

    Raises:
        FrontdeskError: Neither the registry's choice nor that of the settings can be loaded.
    """

    def __init__(
        self,
        shelf: Shelf,
        load: Callable[[Lineup], Generator],
        *,
        drain_timeout_s: float = 300.0,
        looking: str | None = None,
    ) -> None:
        self.looking = looking
        self.problem: FrontdeskError | None = None
        self._shelf = shelf
        self._load = load
        self._drain_timeout_s = drain_timeout_s
        self._changed = threading.Condition()
        self._swapper: threading.Thread | None = None
        self._closed = False
        self._seen = shelf.stamp()
        self._engine = self._first_engine()
        generator = self._engine.generator
        self.name = generator.name
        self.context_tokens = generator.context_tokens
        self.sees_images = generator.sees_images

    @property
    def lineup(self) -> Lineup:
        """The adapters that serve now."""
        return self._engine.lineup

    @contextmanager
    def turn(self, conversation_id: str = "") -> Iterator[TurnGenerator]:
        """Holds one engine and the conversation's adapter for a whole turn.

        Raises:
            GenerationError: The model has been closed.
        """
        self._look()
        with self._changed:
            if self._closed:
                raise GenerationError("The language model has been closed.")
            engine = self._engine
            adapter = engine.lineup.adapter_for(conversation_id)
            engine.turns += 1
        try:
            yield TurnGenerator(engine.generator, adapter, usual=NO_ADAPTER, looking=self.looking)
        finally:
            with self._changed:
                engine.turns -= 1
                self._changed.notify_all()

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
        """See `Generator.stream`; a turn of its own."""
        with self.turn() as turn:
            yield from turn.stream(
                prompt,
                images=images,
                adapter=adapter,
                max_new_tokens=max_new_tokens,
                temperature=temperature,
                stop=stop,
                prefix=prefix,
            )

    def choose(
        self,
        prompt: Prompt,
        options: Sequence[str],
        *,
        prefix: str = "",
        adapter: str | None = None,
        images: Sequence[Path] = (),
    ) -> tuple[float, ...]:
        """See `Generator.choose`; a turn of its own."""
        with self.turn() as turn:
            return turn.choose(prompt, options, prefix=prefix, adapter=adapter, images=images)

    def count_tokens(self, prompt: Prompt, *, images: Sequence[Path] = ()) -> int:
        """See `Generator.count_tokens`."""
        with self.turn() as turn:
            return turn.count_tokens(prompt, images=images)

    def settle(self, timeout_s: float = 60.0) -> bool:
        """Takes up a new choice now and waits until it serves and the old engine is gone; False if it did not end."""
        self._look()
        with self._changed:
            return self._changed.wait_for(lambda: self._swapper is None, timeout_s)

    def close(self) -> None:
        """See `Generator.close`."""
        with self._changed:
            self._closed = True
            swapper = self._swapper
            self._changed.notify_all()
        if swapper:
            swapper.join()
        self._engine.generator.close()

    def _first_engine(self) -> _Engine:
        try:
            return self._start(self._shelf.lineup())
        except FrontdeskError as error:
            lineup = self._shelf.default()  # raises when it is the settings' own adapter that fails
            log.error("the promoted adapter cannot serve, the one of the settings does: %s", error)
            self.problem = error
            return self._start(lineup)

    def _start(self, lineup: Lineup) -> _Engine:
        return _Engine(self._load(lineup), lineup.adapters, lineup)

    def _look(self) -> None:
        stamp = self._shelf.stamp()
        with self._changed:
            if stamp != self._seen and self._swapper is None and not self._closed:
                self._swapper = threading.Thread(target=self._swap, name="swap-adapter", daemon=True)
                self._swapper.start()

    def _swap(self) -> None:
        try:
            while not self._closed and (stamp := self._shelf.stamp()) != self._seen:
                self._seen = stamp
                self._follow()
        finally:
            with self._changed:
                self._swapper = None
                self._changed.notify_all()

    def _follow(self) -> None:
        try:
            lineup = self._shelf.lineup()
            if all(adapter in self._engine.loaded for adapter in lineup.adapters):
                with self._changed:
                    self._engine.lineup = lineup
            else:
                self._replace_engine(self._start(lineup))
        except FrontdeskError as error:
            log.error("the adapter in use stays, the promoted one cannot serve: %s", error)
            self.problem = error
        else:
            self.problem = None
            log.info("adapters in use: %s", ", ".join(a.id for a in lineup.adapters) or NO_ADAPTER)

    def _replace_engine(self, engine: _Engine) -> None:
        with self._changed:
            old, self._engine = self._engine, engine
            self._changed.wait_for(lambda: old.turns == 0 or self._closed, self._drain_timeout_s)
        old.generator.close()


@contextmanager
def one_turn(generator: Generator, conversation_id: str) -> Iterator[TurnGenerator]:
    """Holds whatever generator there is for one turn; only one that swaps has adapters of its own."""
    if isinstance(generator, SwappingGenerator):
        with generator.turn(conversation_id) as turn:
            yield turn
    else:
        yield TurnGenerator(generator)
