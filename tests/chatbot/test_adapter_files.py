"""An adapter folder is used whole and untouched, for what it was made for, or not at all."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.adapter_files import (
    GGUF_WEIGHTS,
    PEFT_CONFIG,
    PEFT_WEIGHTS,
    base_digest,
    check_id,
    erasure_key,
    load_adapter,
    read_manifest,
    trained_on,
    write_manifest,
)
from chatbot.errors import AdapterError
from chatbot.prompt import PROMPT_FORMAT
from chatbot.refusal import RefusalRule
from tests.chatbot.tiny_adapters import BASE_SHA256, MANIFEST, make_adapter, write_gguf


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_adapter(tmp_path / "shop-1")


def rewrite(folder: Path, **changes: object) -> None:
    """Edits the manifest as somebody would who knows what a hash is."""
    path = folder / "adapter.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_folder_says_what_it_is(folder: Path) -> None:
    adapter = load_adapter(folder, BASE_SHA256, PROMPT_FORMAT)
    assert adapter.manifest == replace(MANIFEST, files=adapter.manifest.files)
    assert set(adapter.manifest.files) == {GGUF_WEIGHTS, PEFT_WEIGHTS, PEFT_CONFIG, "README.md"}
    assert adapter.gguf == folder / GGUF_WEIGHTS
    assert adapter.peft == folder


def test_the_forms_an_adapter_lacks_are_named(tmp_path: Path) -> None:
    folder = make_adapter(tmp_path / "shop-1")
    (folder / GGUF_WEIGHTS).unlink()
    write_manifest(folder, MANIFEST)
    with pytest.raises(AdapterError, match=r"has no adapter\.gguf"):
        _ = load_adapter(folder).gguf


@pytest.mark.parametrize("name", [GGUF_WEIGHTS, PEFT_WEIGHTS, PEFT_CONFIG, "README.md"])
def test_one_changed_byte_is_noticed(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[-1] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(AdapterError, match=f"{name} of adapter shop-1 was changed"):
        load_adapter(folder)


@pytest.mark.parametrize("name", [GGUF_WEIGHTS, PEFT_CONFIG])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(AdapterError, match=f"lacks its file {name}"):
        load_adapter(folder)


def test_a_file_that_the_manifest_does_not_name_is_refused(folder: Path) -> None:
    (folder / "extra.json").write_text("{}")
    with pytest.raises(AdapterError, match=r"extra\.json does not belong"):
        load_adapter(folder)


@pytest.mark.parametrize("name", ["adapter_model.bin", "run.py", "weights.pt", "x.pkl"])
def test_other_kinds_of_files_are_refused_even_when_named(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"payload")
    with pytest.raises(AdapterError, match="not allowed"):
        write_manifest(folder, MANIFEST)
    rewrite(folder, files={**read_manifest(folder).files, name: "0" * 64})
    with pytest.raises(AdapterError, match="not allowed"):
        load_adapter(folder)


@pytest.mark.parametrize("name", ["../secret.json", "/etc/passwd.json", "a/b.json", "", "..json"])
def test_a_manifest_cannot_point_outside_its_folder(folder: Path, name: str) -> None:
    rewrite(folder, files={**read_manifest(folder).files, name: "0" * 64})
    with pytest.raises(AdapterError):
        load_adapter(folder)


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_links_and_folders_are_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "sub").mkdir()
    with pytest.raises(AdapterError, match="sub in shop-1 is not a file"):
        load_adapter(folder)
    (folder / "sub").rmdir()
    (tmp_path / "elsewhere.md").write_text("# Data card\n")
    (folder / "README.md").unlink()
    (folder / "README.md").symlink_to(tmp_path / "elsewhere.md")
    with pytest.raises(AdapterError, match=r"README\.md in shop-1 is not a file"):
        load_adapter(folder)


def test_another_base_is_refused_by_name(folder: Path) -> None:
    with pytest.raises(AdapterError, match="trained on another base, smollm2-135m-instruct"):
        load_adapter(folder, "c" * 64, PROMPT_FORMAT)


def test_another_prompt_format_is_refused(folder: Path) -> None:
    with pytest.raises(AdapterError, match=f"knows the prompt format {PROMPT_FORMAT}; .* passages-99"):
        load_adapter(folder, BASE_SHA256, "passages-99")


def test_a_whole_model_in_place_of_an_adapter_is_refused(folder: Path) -> None:
    write_gguf(folder / GGUF_WEIGHTS, {"token_embd.weight": np.zeros((4, 4))})
    write_manifest(folder, MANIFEST)
    with pytest.raises(AdapterError, match="no LoRA adapter"):
        load_adapter(folder)


@pytest.mark.parametrize("content", [b"", b"GGUF", b"GGUF" + b"\xff" * 64, b"\x80\x04pickle", b"{}" * 40])
@pytest.mark.parametrize("name", [GGUF_WEIGHTS, PEFT_WEIGHTS])
def test_weights_that_are_something_else_are_refused(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    write_manifest(folder, MANIFEST)
    with pytest.raises(AdapterError, match=f"{name} of adapter shop-1"):
        load_adapter(folder)


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("nothing here")
    with pytest.raises(AdapterError, match="has no weights"):
        write_manifest(tmp_path, MANIFEST)


def test_no_folder_and_no_manifest_are_told_plainly(tmp_path: Path) -> None:
    with pytest.raises(AdapterError, match="is not an adapter"):
        load_adapter(tmp_path)
    with pytest.raises(AdapterError, match="is not an adapter"):
        load_adapter(tmp_path / "absent")


@pytest.mark.parametrize(
    "text", ["", "[]", "nonsense", '{"id": 3}', '{"id": "x"}', "\xff", '{"id": "x", "r": "many"}']
)
def test_a_damaged_manifest_is_named(folder: Path, text: str) -> None:
    (folder / "adapter.json").write_text(text, encoding="latin-1")
    with pytest.raises(AdapterError, match=r"adapter\.json in shop-1 is damaged"):
        load_adapter(folder)


@given(st.binary(max_size=300))
def test_any_manifest_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "adapter.json").write_bytes(content)
    with pytest.raises(AdapterError):
        load_adapter(folder)
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    "adapter_id", ["", "none", "default", "../x", "a/b", "A", ".x", "-x", "x" * 65, "a b", "a\n"]
)
def test_ids_that_could_mean_something_else_are_refused(adapter_id: str) -> None:
    with pytest.raises(AdapterError, match="cannot be the id"):
        check_id(adapter_id)


@pytest.mark.parametrize(
    "torn", [".adapter.json.tmp", ".adapter.json.0f3a.tmp", ".registration.json.0f3a.tmp"]
)
def test_a_kill_while_the_manifest_was_written_does_no_harm(folder: Path, torn: str) -> None:
    (folder / torn).write_text('{"id": "half')
    assert load_adapter(folder).id == "shop-1"


def test_a_manifest_changed_after_registration_is_noticed(folder: Path) -> None:
    digest = base_digest(folder / "adapter.json")
    (folder / "registration.json").write_text(json.dumps({"manifest_sha256": digest}))
    assert load_adapter(folder).manifest.refusal_threshold == 0.4
    rewrite(folder, refusal_threshold=1.0)
    with pytest.raises(AdapterError, match="changed since it was registered"):
        load_adapter(folder)


def test_a_base_in_a_folder_is_known_by_weights_config_and_tokenizer(tmp_path: Path) -> None:
    for name in ("model.safetensors", "config.json", "tokenizer.json", "notes.txt"):
        (tmp_path / name).write_text(name)
    before = base_digest(tmp_path)
    (tmp_path / "notes.txt").write_text("other notes")
    assert base_digest(tmp_path) == before
    (tmp_path / "tokenizer.json").write_text("another tokenizer")
    assert base_digest(tmp_path) != before


def test_a_manifest_tells_what_it_learned_from_without_naming_anybody(folder: Path) -> None:
    manifest = read_manifest(folder)
    assert trained_on(manifest, ["conversation-9", "conversation-2"])
    assert trained_on(manifest, customer=" Anna@wren.example")
    assert not trained_on(manifest, ["conversation-9"], "bob@wren.example")
    assert not trained_on(manifest)
    assert "anna" not in (folder / "adapter.json").read_text()
    assert len(erasure_key("anna@wren.example")) == 24


def test_a_manifest_from_before_there_were_refusal_weights_goes_by_the_models_own_doubt(folder: Path) -> None:
    manifest = json.loads((folder / "adapter.json").read_text())
    del manifest["refusal_weights"]
    (folder / "adapter.json").write_text(json.dumps(manifest))
    assert load_adapter(folder).manifest.refusal == RefusalRule(0.4)
    rewrite(folder, refusal_threshold=None)
    assert load_adapter(folder).manifest.refusal is None


def test_refusal_weights_come_with_the_manifest(folder: Path) -> None:
    weights = {"bias": 0.5, "doubt": 1.0, "question_similarity": -2.0}
    rewrite(folder, refusal_weights=weights)
    assert load_adapter(folder).manifest.refusal == RefusalRule(0.4, weights)


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        ({"doubt": 1.0, "mood": 2.0}, "weighs mood, which this release does not know"),
        ({"doubt": float("inf")}, "no number"),
        ({"doubt": "much"}, "damaged"),
    ],
)
def test_refusal_weights_that_cannot_be_used_are_named(
    folder: Path, weights: dict[str, object], says: str
) -> None:
    rewrite(folder, refusal_weights=weights)
    with pytest.raises(AdapterError, match=says):
        load_adapter(folder)
