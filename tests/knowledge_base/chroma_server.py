"""A real Chroma server that tests start, kill and start again on the same data."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

PATIENCE_S = 300.0


class ChromaServer:
    """`chroma run` on a folder of its own; always at the same address."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Returns when it answers."""
        program = Path(sys.executable).with_name("chroma")
        where = ("--path", str(self._folder), "--host", "127.0.0.1", "--port", str(self._port))
        self._process = subprocess.Popen(
            [program, "run", *where], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                if httpx.get(f"{self.url}/api/v2/heartbeat").is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
        raise AssertionError(f"the Chroma server does not answer (exit code {self._process.poll()})")

    def kill(self) -> None:
        """Ends it at once, as a power cut would."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None
