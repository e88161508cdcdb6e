"""A real server and a real Chromium for the browser tests."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.conftest import ROOT, ModelFiles

CHROMIUM_ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --use-fake-ui-for-media-stream"
).split()
READY_S = 300
PATIENCE_MS = 240_000  # a turn on a busy machine of two cores

Visits = Callable[..., Page]


class Frontdesk:
    """`python -m app serve` as its own process, always at the same address and data folder."""

    def __init__(self, data_dir: Path, models_dir: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.data_dir = data_dir
        self.log = data_dir / "server.log"
        self._environment = {k: v for k, v in os.environ.items() if not k.startswith("FRONTDESK_")} | {
            "FRONTDESK_DATA_DIR": str(data_dir),
            "FRONTDESK_MODELS_DIR": str(models_dir),
            "FRONTDESK_OFFLINE": "1",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, **more: str) -> None:
        """Returns when the models are loaded.

        Args:
            more: Environment variables of this start.
        """
        command = [sys.executable, "-m", "app", "serve", "--port", str(self.port)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=self._environment | more, stdout=log, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + READY_S
        while not self._is_ready():
            assert self._process.poll() is None, f"the server ended:\n{self.log.read_text()}"
            assert time.monotonic() < deadline, f"not ready in {READY_S} s:\n{self.log.read_text()}"
            time.sleep(0.3)

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as response:
                return b"true" in response.read()
        except OSError:
            return False

    def kill(self) -> None:
        """SIGKILL: nothing can be tidied up."""
        assert self._process
        self._process.kill()
        self._process.wait(30)

    def stop(self) -> None:
        """Asks it to end, as an operator would."""
        if self._process and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                self.kill()


def chromium_path() -> str:
    """Where the browser is; without one, the test is skipped."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not path:
        pytest.skip("no chromium on the path (tests/install_chromium.sh installs it)")
    return path


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = chromium_path()
    with sync_playwright() as playwright:
        expect.set_options(timeout=PATIENCE_MS)
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGUMENTS, timeout=120_000)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def frontdesk(
    chromium: Browser, model_files: ModelFiles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Frontdesk]:
    server = Frontdesk(tmp_path_factory.mktemp("frontdesk"), model_files.folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def visit(chromium: Browser, frontdesk: Frontdesk) -> Iterator[Visits]:
    """Opens the page as a new visitor, in a browser context with the given options."""
    contexts: list[BrowserContext] = []

    def open_page(**options: Any) -> Page:
        defaults: dict[str, Any] = {"viewport": {"width": 1100, "height": 800}, "locale": "en-GB"}
        context = chromium.new_context(**{**defaults, **options}, accept_downloads=True)
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.goto(frontdesk.url)
        expect(page.locator(".fd-header p")).not_to_be_empty()
        return page

    yield open_page
    for context in contexts:
        context.close()
