"""The server under load: one of our own in a process of its own, or one that runs already; and its memory."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil

from chatbot.errors import FrontdeskError
from chatbot.settings import Settings

READY_S = 900.0
END_S = 60.0
SAMPLE_S = 1.0
_ROOT = Path(__file__).resolve().parents[2]
_MANY = "1000000"
_GENEROUS = (
    "REQUESTS_PER_MINUTE",
    "MESSAGES_PER_MINUTE",
    "CONVERSATIONS_PER_HOUR",
    "DAILY__ADDRESS__MESSAGES",
    "DAILY__VISITOR__MESSAGES",
)
"""Limits of the settings group `web` that are raised: all customers come from one address. Naming one daily limit of
a subject leaves its others without one."""


class OwnServer:
    """`frontdesk serve` with a data folder that goes away, which can be ended, killed and started again.

    Args:
        settings: Where the models are.
    """

    def __init__(self, settings: Settings) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="frontdesk-load-", ignore_cleanup_errors=True)
        self._log = Path(self._folder.name) / "server.log"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.data_dir = Path(self._folder.name) / "data"
        self._environment = {**os.environ, **_environment(settings, self.data_dir)}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process that listens; 0 before it is started."""
        return self._process.pid if self._process else 0

    def command(self) -> list[str]:
        """What starts it, on its port."""
        return [sys.executable, "-m", "app", "serve", "--host", "127.0.0.1", "--port", str(self.port)]

    async def is_ready(self) -> bool:
        """Whether it answers questions."""
        try:
            async with httpx.AsyncClient(timeout=5) as client:
                return bool((await client.get(f"{self.url}/readyz")).json()["ready"])
        except (httpx.HTTPError, ValueError):
            return False

    async def start(self) -> None:
        """Returns when the models are loaded.

        Raises:
            FrontdeskError: It ended, or did not become ready in time; the text has the end of its log.
        """
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                cwd=_ROOT,
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        ends_s = time.monotonic() + READY_S
        while not await self.is_ready():
            if self._process.poll() is not None or time.monotonic() > ends_s:
                tail = self._log.read_text(encoding="utf-8", errors="replace")[-2000:]
                raise FrontdeskError("The server under load did not start.", f"Its log ends with:\n{tail}")
            await asyncio.sleep(0.2)

    async def end(self, number: signal.Signals) -> tuple[int, float]:
        """Sends a signal and waits for the process to end; returns its status and how long that took, in seconds."""
        if self._process is None:
            return 0, 0.0
        began_s = time.monotonic()
        self._process.send_signal(number)
        try:
            status = await asyncio.to_thread(self._process.wait, END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = await asyncio.to_thread(self._process.wait)
        return status, time.monotonic() - began_s

    def close(self) -> None:
        """Ends it and removes its folder."""
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()


def _environment(settings: Settings, data_dir: Path) -> dict[str, str]:
    own = {
        "FRONTDESK_DATA_DIR": str(data_dir),
        "FRONTDESK_MODELS_DIR": str(settings.models_path),
        "FRONTDESK_EXAMPLE_COMPANY": "true",
        "FRONTDESK_OFFLINE": "true",
        "FRONTDESK_LOG_LEVEL": "warning",
    }
    return own | {f"FRONTDESK_WEB__{name}": _MANY for name in _GENEROUS}


def listening_pid(url: str) -> int:
    """The process of this machine that listens at an address; 0 when it is elsewhere or not ours to see."""
    port = urlsplit(url).port or 80
    try:
        found = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        return 0
    return next((c.pid for c in found if c.status == psutil.CONN_LISTEN and port in c.laddr and c.pid), 0)


async def watch_memory(pid: int, samples: list[tuple[float, float]]) -> None:
    """Adds the resident memory of a process, in MB, to the samples every second until it is cancelled or ends."""
    if not pid:
        return
    process = psutil.Process(pid)
    while True:
        try:
            samples.append((time.monotonic(), process.memory_info().rss / 1e6))
        except psutil.NoSuchProcess:
            return
        await asyncio.sleep(SAMPLE_S)
