"""Models of the hub, fetched by huggingface_hub itself from a small hub on this machine."""

import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest

from chatbot.model_hub import HubReference, parse_hub_reference
from chatbot.models import Purpose
from tests.chatbot.tiny_models import ROOT, pip_environment

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SAFETENSORS = (2).to_bytes(8, "little") + b"{}"
GGUF = b"GGUF" + bytes(60)
VISION = {"config.json": b"{}", "model.safetensors": SAFETENSORS, "README.md": b"# x", "evil.py": b"raise"}
REPOSITORIES: dict[str, dict[str, bytes]] = {
    "org/vision": VISION | {"pytorch_model.bin": b"\x80\x04pickle", "training_args.bin": b"\x80\x04"},
    "org/pickled": {"config.json": b"{}", "pytorch_model.bin": b"\x80\x04pickle"},
    "org/speech": {
        "model.bin": b"\x06\x00", "config.json": b"{}", "tokenizer.json": b"{}", "vocabulary.json": b"[]",
    },
    "org/pickled-speech": {"model.bin": b"PK\x03\x04", "config.json": b"{}"},
    "org/ggufs": {"m-q4.gguf": GGUF, "sub/m-q8.gguf": GGUF + b"8"},
    "org/one-gguf": {"only.gguf": GGUF, "README.md": b"# x"},
    "org/split": {f"big-0000{n}-of-00002.gguf": GGUF + bytes([n]) for n in (1, 2)},
    "org/huge": {"config.json": b"{}", "model.safetensors": SAFETENSORS},
}  # fmt: skip
ASK = """
import json, sys
from pathlib import Path
from chatbot.errors import ModelError
from chatbot.models import ModelStore, Purpose
told = []
for reference, purpose, offline in json.loads(sys.argv[2]):
    try:
        found = ModelStore(Path(sys.argv[1]), offline=offline).resolve(reference, Purpose[purpose])
        files = [found] if found.is_file() else [p for p in found.rglob("*") if p.is_file()]
        told.append([found.name, sorted(p.name for p in files)])
    except ModelError as error:
        told.append(str(error))
print(json.dumps(told))
"""


class _Hub(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(self.path.partition("?")[0]).strip("/")
        if path.startswith("api/models/"):
            self._describe(path.removeprefix("api/models/"))
            return
        repository, _, rest = path.partition("/resolve/")
        file = rest.partition("/")[2]
        content = REPOSITORIES.get(repository, {}).get(file)
        if content is None:
            self._send(b"", {}, 404)
            return
        size = self._entry(repository, file)["size"]
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{hashlib.sha1(content).hexdigest()}"'}
        self._send(content, headers | {"X-Linked-Size": str(size)})

    def _describe(self, path: str) -> None:
        repository = "/".join(path.split("/")[:2])
        kind, _, revision = path.removeprefix(repository).strip("/").partition("/")
        if repository == "org/gated":
            self._send(b"", {"X-Error-Code": "GatedRepo"}, 403)
        elif repository == "org/broken":
            self._send(b"", {}, 500)
        elif repository not in REPOSITORIES:
            self._send(b"", {"X-Error-Code": "RepoNotFound"}, 404)
        elif revision not in ("", "main", "v1", COMMIT):
            self._send(b"", {"X-Error-Code": "RevisionNotFound"}, 404)
        elif kind == "tree":
            self._send_json([self._entry(repository, name) for name in REPOSITORIES[repository]])
        else:
            siblings = [{"rfilename": name} for name in REPOSITORIES[repository]]
            self._send_json({"id": repository, "sha": COMMIT, "siblings": siblings})

    @staticmethod
    def _entry(repository: str, name: str) -> dict[str, object]:
        content = REPOSITORIES[repository][name]
        size = 10**15 if (repository, name) == ("org/huge", "model.safetensors") else len(content)
        return {"type": "file", "path": name, "size": size, "oid": hashlib.sha1(content).hexdigest()}

    def _send_json(self, value: object) -> None:
        self._send(json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, content: bytes, headers: dict[str, str], status: int = 200) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture(scope="module")
def hub() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Hub) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def ask(folder: Path, endpoint: str, *questions: tuple[str, str, bool]) -> list[str | list[str | list[str]]]:
    """Answers of a fresh process, because huggingface_hub reads its environment once."""
    environment = {k: v for k, v in pip_environment().items() if not k.startswith(("HF_", "HUGGING"))}
    environment |= {"HF_ENDPOINT": endpoint, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(folder / "hf-home")}
    command = [sys.executable, "-c", ASK, str(folder / "models"), json.dumps(questions)]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told: list[str | list[str | list[str]]] = json.loads(done.stdout)
    return told


@pytest.fixture(scope="module")
def answers(hub: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What resolving each repository gave, online, by reference and purpose."""
    questions = [
        ("org/vision", "VISION"), ("org/vision@v1", "VISION"), ("org/vision@v9", "VISION"),
        ("org/pickled", "VISION"), ("org/speech", "SPEECH"), ("org/pickled-speech", "SPEECH"),
        ("org/ggufs", "LLM_GGUF"), ("org/ggufs/sub/m-q8.gguf", "LLM_GGUF"), ("org/one-gguf", "LLM_GGUF"),
        ("org/one-gguf/only.gguf@main", "LLM_TORCH"), ("org/split", "LLM_GGUF"), ("org/vision", "LLM_GGUF"),
        ("org/missing", "VISION"), ("org/gated", "VISION"), ("org/broken", "VISION"), ("org/huge", "VISION"),
        ("org/vision", "ENTITIES"), ("a--b/c", "VISION"),
    ]  # fmt: skip
    folder = tmp_path_factory.mktemp("hub")
    told = ask(folder, hub, *[(reference, purpose, False) for reference, purpose in questions])
    return {
        f"{reference} {purpose}": answer for (reference, purpose), answer in zip(questions, told, strict=True)
    }


@pytest.mark.parametrize("revision", ["", "@v1"])
def test_only_files_without_code_are_fetched(answers: dict[str, object], revision: str) -> None:
    assert answers[f"org/vision{revision} VISION"] == [COMMIT, ["config.json", "model.safetensors"]]


def test_a_speech_model_may_be_called_model_bin(answers: dict[str, object]) -> None:
    name, files = answers["org/speech SPEECH"]  # type: ignore[misc]
    assert name == COMMIT
    assert "model.bin" in files


def test_a_gguf_is_found_by_its_repository_or_its_name(answers: dict[str, object]) -> None:
    assert answers["org/one-gguf LLM_GGUF"] == ["only.gguf", ["only.gguf"]]
    assert answers["org/one-gguf/only.gguf@main LLM_TORCH"] == ["only.gguf", ["only.gguf"]]
    assert answers["org/ggufs/sub/m-q8.gguf LLM_GGUF"] == ["m-q8.gguf", ["m-q8.gguf"]]
    assert answers["org/split LLM_GGUF"] == ["big-00001-of-00002.gguf", ["big-00001-of-00002.gguf"]]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("org/vision@v9 VISION", "The hub's org/vision has no revision 'v9'."),
        ("org/pickled VISION", "org/pickled holds no file *.safetensors; pickled weights are never used."),
        ("org/pickled-speech SPEECH", "holds pickled weights (model.bin)"),
        (
            "org/ggufs LLM_GGUF",
            "holds 2 GGUF files: m-q4.gguf, sub/m-q8.gguf. Name one of them, as in org/ggufs/",
        ),
        ("org/vision LLM_GGUF", "org/vision holds no file *.gguf"),
        ("org/missing VISION", "The hub has no model org/missing, or it is private."),
        (
            "org/gated VISION",
            "lets only approved users have org/gated. Accept its terms there and set HF_TOKEN.",
        ),
        ("org/broken VISION", "org/broken"),
        ("org/huge VISION", "There is not enough disk space for org/huge"),
        ("org/vision ENTITIES", "no entity recogniser can come from the hub"),
        ("a--b/c VISION", "'a--b/c' is no valid hub id"),
    ],
)
def test_what_cannot_be_had_is_explained(answers: dict[str, object], question: str, said: str) -> None:
    assert isinstance(answers[question], str)
    assert said in str(answers[question])


def test_what_is_here_works_without_a_hub(hub: str, tmp_path: Path) -> None:
    online = ask(tmp_path, hub, ("org/vision", "VISION", False))
    nowhere = "http://127.0.0.1:9"
    unreachable, offline, absent, absent_offline = ask(
        tmp_path,
        nowhere,
        ("org/vision", "VISION", False),
        ("org/vision", "VISION", True),
        ("org/speech", "SPEECH", False),
        ("org/speech", "SPEECH", True),
    )
    assert online == [unreachable] == [offline]
    assert "is not here and the hub cannot be reached" in str(absent)
    assert "`offline` is set" in str(absent_offline)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("org/name", HubReference("org/name", "", "")),
        ("org/name@v1.0", HubReference("org/name", "", "v1.0")),
        ("org/name@refs/pr/3", HubReference("org/name", "", "refs/pr/3")),
        ("org/n.a-me_2/q4.gguf", HubReference("org/n.a-me_2", "q4.gguf", "")),
        ("org/name/deep/q4.gguf@main", HubReference("org/name", "deep/q4.gguf", "main")),
        ("name", None),
        ("./org/name", None),
        ("/org/name", None),
        ("org/name/../../x.gguf", None),
        ("org/name/*.gguf", None),
        ("org/name/weights.bin", None),
        ("https://huggingface.co/org/name", None),
        ("", None),
    ],
)
def test_hub_references_are_told_from_paths(text: str, expected: HubReference | None) -> None:
    assert parse_hub_reference(text) == expected


def test_every_purpose_of_an_engine_can_come_from_the_hub() -> None:
    from chatbot.model_hub import _PATTERNS

    assert set(Purpose) - set(_PATTERNS) == {Purpose.ENTITIES}
    assert not any(
        pattern in ("*", "*.bin", "*.pt") for patterns in _PATTERNS.values() for pattern in patterns
    )
