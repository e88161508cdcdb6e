"""Updates of a page in quick succession, none of which gets lost."""

import functools
import time
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec

REPEAT_S = 0.5
_P = ParamSpec("_P")


def repeated(handler: Callable[_P, Iterator[dict[Any, Any]]]) -> Callable[_P, Iterator[dict[Any, Any]]]:
    """A handler whose updates each come with what it sent of other components in the half second before.

    Gradio's page draws once a frame and keeps one pending update of each component. One that leaves a component out
    counts as an empty update of it and takes the place of what waits there, so that two in a row can lose the first.
    Nothing older is repeated: by then it is drawn, and somebody may have typed over it.
    """

    @functools.wraps(handler)
    def repeating(*args: _P.args, **kwargs: _P.kwargs) -> Iterator[dict[Any, Any]]:
        recent: dict[Any, tuple[float, Any]] = {}
        for update in handler(*args, **kwargs):
            now = time.monotonic()
            recent = {part: sent for part, sent in recent.items() if now - sent[0] < REPEAT_S}
            yield {**{part: value for part, (_, value) in recent.items()}, **update}
            recent |= {part: (now, value) for part, value in update.items()}

    return repeating
