"""How every command fails: Frontdesk's own errors as one red line, a hint, and exit code 1."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

from chatbot.errors import FrontdeskError

err = Console(stderr=True)


@contextmanager
def readable_errors() -> Iterator[None]:
    """Turns Frontdesk's own errors into one red line and exit code 1."""
    try:
        yield
    except FrontdeskError as error:
        err.print(error.message, style="red", highlight=False, markup=False)
        if error.hint:
            err.print(error.hint, highlight=False, markup=False)
        raise typer.Exit(1) from error
