"""A headless Chromium that draws one page after the other."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from chatbot.errors import FrontdeskError

if TYPE_CHECKING:
    from playwright.sync_api import Page

_FLAGS = (
    "--disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update "
    "--disable-sync --force-color-profile=srgb --disable-lcd-text --font-render-hinting=none"
).split()
_START_MS = 120_000
_INSTALL = (
    "Run `pip install playwright` and `playwright install chromium`, or install your system's Chromium."
)


class NoBrowserError(FrontdeskError):
    """Screens cannot be drawn here."""


@contextmanager
def drawing_page() -> Iterator["Page"]:
    """A page to draw on, for as long as the block runs.

    Raises:
        NoBrowserError: Playwright or Chromium is missing or does not start.
    """
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError as error:
        raise NoBrowserError("Drawing screens needs Playwright, which is not installed.", _INSTALL) from error
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(
                executable_path=_installed(), args=_flags(), timeout=_START_MS
            )
        except Error as error:
            raise NoBrowserError(
                f"Chromium does not start: {error.message.splitlines()[0]}", _INSTALL
            ) from error
        try:
            yield browser.new_page()
        finally:
            browser.close()


def _installed() -> str | None:
    """The system's Chromium; None for the one that Playwright brings."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def _flags() -> list[str]:
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0  # Chromium's sandbox refuses to run as root
    return [*_FLAGS, *(["--no-sandbox"] if as_root else [])]
