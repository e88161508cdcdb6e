"""Somebody's own model is taken by what its files hold, and pickles are refused."""

import io
import pickle
import zipfile
from pathlib import Path

import pytest

from chatbot.errors import ModelError
from chatbot.model_checks import checked
from chatbot.models import Purpose

SAFETENSORS = (2).to_bytes(8, "little") + b"{}"
GGUF = b"GGUF" + bytes(60)
PICKLE = pickle.dumps({"weights": [1.0]})


def torch_zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("archive/data.pkl", PICKLE)
    return out.getvalue()


def folder_with(folder: Path, **files: bytes) -> Path:
    """Writes files; `__` stands for a dot and `___` for a slash."""
    for name, content in files.items():
        path = folder / name.replace("___", "/").replace("__", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


USABLE = {
    Purpose.LLM_TORCH: {"model__safetensors": SAFETENSORS, "config__json": b"{}", "tokenizer__json": b"{}"},
    Purpose.EMBEDDER: {"model__safetensors": SAFETENSORS, "config__json": b"{}", "modules__json": b"[]"},
    Purpose.RERANKER: {"model__safetensors": SAFETENSORS, "config__json": b"{}", "tokenizer__json": b"{}"},
    Purpose.SPEECH: {
        "model__bin": b"\x06\x00", "config__json": b"{}", "tokenizer__json": b"{}", "vocabulary__txt": b"a",
    },
    Purpose.VISION: {"model__safetensors": SAFETENSORS, "config__json": b"{}"},
    Purpose.ENTITIES: {"meta__json": b"{}", "config__cfg": b""},
}  # fmt: skip


@pytest.mark.parametrize("purpose", USABLE)
def test_a_folder_with_what_is_needed_is_taken(tmp_path: Path, purpose: Purpose) -> None:
    assert checked(folder_with(tmp_path, **USABLE[purpose]), purpose) == tmp_path


@pytest.mark.parametrize(
    ("purpose", "missing"), [(purpose, name) for purpose, files in USABLE.items() for name in files]
)
def test_each_needed_file_is_missed(tmp_path: Path, purpose: Purpose, missing: str) -> None:
    needed = purpose is not Purpose.EMBEDDER or missing != "config__json"
    folder_with(tmp_path, **{name: content for name, content in USABLE[purpose].items() if name != missing})
    if not needed:
        checked(tmp_path, purpose)
        return
    with pytest.raises(ModelError, match=r"not usable as a .*it has no .*Expected a folder with"):
        checked(tmp_path, purpose)


@pytest.mark.parametrize("purpose", [Purpose.LLM_GGUF, Purpose.LLM_TORCH])
def test_a_gguf_is_taken_as_a_file_or_in_a_folder(tmp_path: Path, purpose: Purpose) -> None:
    file = folder_with(tmp_path, own__gguf=GGUF) / "own.gguf"
    assert checked(file, purpose) == file
    assert checked(tmp_path, purpose) == file


def test_a_split_gguf_is_loaded_by_its_first_part(tmp_path: Path) -> None:
    for part in (2, 1, 3):
        (tmp_path / f"big-0000{part}-of-00003.gguf").write_bytes(GGUF)
    assert checked(tmp_path, Purpose.LLM_GGUF).name == "big-00001-of-00003.gguf"


def test_several_ggufs_are_not_chosen_from(tmp_path: Path) -> None:
    folder_with(tmp_path, q4__gguf=GGUF, q8__gguf=GGUF)
    with pytest.raises(ModelError, match=r"holds 2 GGUF files: q4\.gguf, q8\.gguf\. Give the path of one"):
        checked(tmp_path, Purpose.LLM_GGUF)


def test_training_prefers_safetensors_to_a_gguf_beside_them(tmp_path: Path) -> None:
    folder_with(tmp_path, own__gguf=GGUF, **USABLE[Purpose.LLM_TORCH])
    assert checked(tmp_path, Purpose.LLM_TORCH) == tmp_path


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.pkl", "last.ckpt", "model.pth"])
@pytest.mark.parametrize("purpose", [Purpose.LLM_TORCH, Purpose.EMBEDDER, Purpose.VISION, Purpose.SPEECH])
def test_pickles_as_the_only_weights_are_refused(tmp_path: Path, name: str, purpose: Purpose) -> None:
    others = {k: v for k, v in USABLE[purpose].items() if k not in ("model__safetensors", "model__bin")}
    (folder_with(tmp_path, **others) / name).write_bytes(torch_zip())
    with pytest.raises(ModelError, match=rf"holds pickled weights \({name}\), which can run code"):
        checked(tmp_path, purpose)


def test_a_pickle_beside_safetensors_does_no_harm(tmp_path: Path) -> None:
    folder_with(tmp_path, pytorch_model__bin=PICKLE, **USABLE[Purpose.VISION])
    assert checked(tmp_path, Purpose.VISION) == tmp_path


def test_a_pickle_in_a_part_of_an_embedder_is_refused(tmp_path: Path) -> None:
    folder_with(tmp_path, **USABLE[Purpose.EMBEDDER], _2_Dense___pytorch_model__bin=PICKLE)
    with pytest.raises(ModelError, match=r"_2_Dense/pytorch_model\.bin"):
        checked(tmp_path, Purpose.EMBEDDER)


@pytest.mark.parametrize("content", [PICKLE, torch_zip()])
def test_a_pickle_called_model_bin_is_no_speech_model(tmp_path: Path, content: bytes) -> None:
    folder_with(tmp_path, **USABLE[Purpose.SPEECH] | {"model__bin": content})
    with pytest.raises(ModelError, match=r"pickled weights \(model\.bin\)"):
        checked(tmp_path, Purpose.SPEECH)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (PICKLE, "it is a pickle"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (b"hello", "it is not a GGUF file"),
        (b"", "it is not a GGUF file"),
    ],
)
def test_a_file_called_gguf_is_judged_by_its_content(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        checked(folder_with(tmp_path, own__gguf=content) / "own.gguf", Purpose.LLM_GGUF)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (PICKLE, "not a safetensors file"),
    ],
)
def test_weights_that_are_none_are_told_apart(tmp_path: Path, content: bytes, said: str) -> None:
    folder_with(tmp_path, **USABLE[Purpose.VISION] | {"model__safetensors": content})
    with pytest.raises(ModelError, match=said):
        checked(tmp_path, Purpose.VISION)


@pytest.mark.parametrize("purpose", [Purpose.EMBEDDER, Purpose.SPEECH, Purpose.VISION])
def test_a_file_where_a_folder_is_needed(tmp_path: Path, purpose: Purpose) -> None:
    with pytest.raises(ModelError, match="it is a file, not a folder"):
        checked(folder_with(tmp_path, own__gguf=GGUF) / "own.gguf", purpose)


def test_a_folder_without_a_gguf(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="it holds no GGUF file"):
        checked(tmp_path, Purpose.LLM_GGUF)


def test_a_voice_is_its_onnx_file(tmp_path: Path) -> None:
    folder_with(tmp_path, joe__onnx=b"x", joe__onnx__json=b"{}")
    assert checked(tmp_path, Purpose.VOICE) == tmp_path / "joe.onnx"
    assert checked(tmp_path / "joe.onnx", Purpose.VOICE) == tmp_path / "joe.onnx"
