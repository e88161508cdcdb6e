"""An archive brings in the catalogue's files and nothing else."""

import io
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from chatbot import model_archive
from chatbot.errors import ModelError
from chatbot.models import ModelStore
from tests.chatbot.tiny_models import CONFIG, GGUF, LONE_MODEL, TINY, TINY_CATALOGUE, WEIGHTS, install


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    """A store with both tiny models."""
    return ModelStore(install(tmp_path / "models", TINY, LONE_MODEL), offline=True, catalogue=TINY_CATALOGUE)


@pytest.fixture
def other(tmp_path: Path) -> ModelStore:
    """The empty store of a machine without a network."""
    return ModelStore(tmp_path / "other", offline=True, catalogue=TINY_CATALOGUE)


def write_tar(path: Path, members: list[tuple[tarfile.TarInfo | str, bytes]]) -> Path:
    with tarfile.open(path, "w") as tar:
        for member, content in members:
            info = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member)
            if info.isreg():
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def link(name: str, target: str, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


WHOLE: list[tuple[tarfile.TarInfo | str, bytes]] = [
    ("tiny/model.bin", WEIGHTS),
    ("tiny/deep/config.json", CONFIG),
]


def test_what_is_exported_can_be_imported_elsewhere(
    store: ModelStore, other: ModelStore, tmp_path: Path
) -> None:
    store.export(["tiny", "lone"], tmp_path / "models.tar")
    assert other.import_archive(tmp_path / "models.tar") == ["tiny", "lone"]
    other.verify("tiny")
    assert (other.fetch("lone") / "lone.gguf").read_bytes() == GGUF
    for name in ("tiny", "lone"):
        manifests = [s.folder.joinpath(name, "manifest.json").read_bytes() for s in (store, other)]
        assert manifests[0] == manifests[1]
    assert not [p.name for p in other.folder.iterdir() if p.name.startswith(".staging")]


def test_equal_models_give_equal_archives(store: ModelStore, tmp_path: Path) -> None:
    store.export(["tiny"], tmp_path / "one.tar")
    (store.folder / "tiny" / "model.bin").touch()
    store.export(["tiny"], tmp_path / "two.tar")
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()


def test_a_model_packed_by_hand_and_compressed_is_taken_too(
    store: ModelStore, other: ModelStore, tmp_path: Path
) -> None:
    with tarfile.open(tmp_path / "by-hand.tar.gz", "w:gz") as tar:
        tar.add(store.folder / "tiny", arcname="./tiny")
    assert other.import_archive(tmp_path / "by-hand.tar.gz") == ["tiny"]


def test_importing_replaces_a_damaged_model(store: ModelStore, tmp_path: Path) -> None:
    store.export(["tiny"], tmp_path / "models.tar")
    (store.folder / "tiny" / "model.bin").write_bytes(b"damaged")
    store.import_archive(tmp_path / "models.tar")
    store.verify("tiny")


def test_a_tampered_model_is_not_exported(store: ModelStore, tmp_path: Path) -> None:
    (store.folder / "tiny" / "model.bin").write_bytes(b"damaged")
    with pytest.raises(ModelError, match=r"model\.bin of model tiny was changed"):
        store.export(["lone", "tiny"], tmp_path / "models.tar")
    assert not list(tmp_path.glob("*.tar*"))


def test_exporting_into_a_folder_that_is_not_there(store: ModelStore, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"archive models\.tar could not be written: No such file"):
        store.export(["tiny"], tmp_path / "missing" / "models.tar")


def test_a_failed_export_keeps_the_earlier_archive(
    store: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.export(["tiny"], tmp_path / "models.tar")
    before = (tmp_path / "models.tar").read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(model_archive.os, "fsync", full)
    with pytest.raises(ModelError, match="disk is full"):
        store.export(["tiny", "lone"], tmp_path / "models.tar")
    assert (tmp_path / "models.tar").read_bytes() == before
    assert not list(tmp_path.glob(".models.tar*"))


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (("../evil.txt", b"x"), "which is no file of the catalogue"),
        (("/tmp/evil.txt", b"x"), "which is no file of the catalogue"),
        (("tiny/../../evil.txt", b"x"), "which is no file of the catalogue"),
        (("tiny/pytorch_model.bin", b"x"), "which is no file of the catalogue"),
        (("unknown/model.bin", b"x"), "which is no file of the catalogue"),
        ((link("tiny/model.bin", "/etc/passwd", tarfile.SYMTYPE), b""), "which is no file of the catalogue"),
        (
            (link("lone/lone.gguf", "tiny/model.bin", tarfile.LNKTYPE), b""),
            "which is no file of the catalogue",
        ),
        ((link("tiny", "/tmp", tarfile.SYMTYPE), b""), "which is no file of the catalogue"),
        ((link("tiny/model.bin", "", tarfile.FIFOTYPE), b""), "which is no file of the catalogue"),
        (("tiny/model.bin", WEIGHTS + b"!"), "not the expected file"),
        (("tiny/model.bin", b"!" + WEIGHTS[1:]), r"model\.bin of model tiny was changed"),
        (("lone/lone.gguf", bytes(len(GGUF))), r"lone\.gguf of model lone was changed"),
    ],
)
def test_an_archive_with_anything_else_changes_nothing(
    other: ModelStore, tmp_path: Path, extra: tuple[tarfile.TarInfo | str, bytes], said: str
) -> None:
    archive = write_tar(tmp_path / "models.tar", [*WHOLE, extra])
    with pytest.raises(ModelError, match=said):
        other.import_archive(archive)
    assert not [p for p in other.folder.rglob("*") if p.suffix != ".lock"]
    assert not list(tmp_path.rglob("evil.txt"))


def test_a_manifest_in_an_archive_is_not_trusted(other: ModelStore, tmp_path: Path) -> None:
    archive = write_tar(tmp_path / "models.tar", [*WHOLE, ("tiny/manifest.json", b'{"files": {}}')])
    other.import_archive(archive)
    other.verify("tiny")
    assert b"model.bin" in (other.folder / "tiny" / "manifest.json").read_bytes()


def test_an_archive_that_lacks_a_file(other: ModelStore, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"not taken in: The model tiny lacks its file deep/config\.json"):
        other.import_archive(write_tar(tmp_path / "models.tar", WHOLE[:1]))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda p: None, "There is no file"),
        (lambda p: p.mkdir(), "is a folder"),
        (lambda p: p.write_bytes(b"not a tar file"), "is not an archive of models, or is damaged"),
        (lambda p: p.write_bytes(b""), "is not an archive of models, or is damaged"),
        (lambda p: write_tar(p, []), "holds no models"),
    ],
)
def test_what_is_no_archive_is_explained(
    other: ModelStore, tmp_path: Path, make: Callable[[Path], object], said: str
) -> None:
    make(tmp_path / "models.tar")
    with pytest.raises(ModelError, match=said):
        other.import_archive(tmp_path / "models.tar")


@pytest.mark.parametrize("compressed", [False, True])
def test_an_archive_that_was_cut_short(
    store: ModelStore, other: ModelStore, tmp_path: Path, compressed: bool
) -> None:
    whole = tmp_path / "whole.tar"
    with tarfile.open(whole, "w:gz" if compressed else "w") as tar:
        tar.add(store.folder / "tiny", arcname="tiny")
    (tmp_path / "cut.tar").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(ModelError, match=r"is damaged|not the expected|lacks its file|was changed"):
        other.import_archive(tmp_path / "cut.tar")
    assert not (other.folder / "tiny").exists()


def test_an_import_into_a_fresh_copy_of_the_folder_is_usable(store: ModelStore, tmp_path: Path) -> None:
    shutil.copytree(store.folder, tmp_path / "copied")
    ModelStore(tmp_path / "copied", offline=True, catalogue=TINY_CATALOGUE).verify("tiny")
