"""The registry keeps what was acknowledged, switches atomically, and lets nothing unsound serve."""

import io
import json
import multiprocessing
import os
import signal
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest

from chatbot.adapter_choice import Canary, Pointer, read_pointer
from chatbot.adapter_files import Gate, load_adapter
from chatbot.errors import AdapterError
from finetune.registry import AdapterRegistry
from tests.chatbot.tiny_adapters import BASE_SHA256, FAILED, PASSED, make_adapter


@pytest.fixture
def registry(tmp_path: Path) -> AdapterRegistry:
    make_adapter(tmp_path / "shipped" / "support-en", id="support-en")
    return AdapterRegistry(tmp_path / "data", base_sha256=BASE_SHA256, shipped=tmp_path / "shipped")


def add(
    registry: AdapterRegistry, tmp_path: Path, adapter_id: str, gate: Gate | None = PASSED, **changes: Any
) -> None:
    registry.register(make_adapter(tmp_path / "made" / adapter_id, id=adapter_id, **changes), gate)


def tamper(registry: AdapterRegistry, adapter_id: str, name: str = "adapter.gguf") -> None:
    path = registry.folder / adapter_id / name
    path.write_bytes(path.read_bytes() + b" ")


def test_a_registered_adapter_is_a_sound_copy_with_its_gate(
    registry: AdapterRegistry, tmp_path: Path
) -> None:
    add(registry, tmp_path, "shop-1", FAILED)
    shown = registry.show("shop-1")
    assert shown.manifest.gate == shown.registration.gate == FAILED
    assert shown.role == ""
    assert load_adapter(shown.folder, BASE_SHA256).manifest == shown.manifest
    assert [adapter.id for adapter in registry.list()] == ["shop-1"]


def test_the_newest_adapter_is_listed_first(registry: AdapterRegistry, tmp_path: Path) -> None:
    for name in ("shop-1", "shop-2"):
        add(registry, tmp_path, name)
        time.sleep(0.002)
    assert [adapter.id for adapter in registry.list()] == ["shop-2", "shop-1"]


def test_registering_again_takes_the_new_gate_and_nothing_else(
    registry: AdapterRegistry, tmp_path: Path
) -> None:
    add(registry, tmp_path, "shop-1", FAILED)
    before = registry.show("shop-1")
    after = registry.register(tmp_path / "made" / "shop-1", PASSED)
    assert after.registration.gate == PASSED
    assert after.registration.registered_at == before.registration.registered_at
    assert after.objection == ""
    load_adapter(after.folder)


def test_two_adapters_cannot_have_one_id(registry: AdapterRegistry, tmp_path: Path) -> None:
    add(registry, tmp_path, "shop-1")
    other = make_adapter(tmp_path / "other", id="shop-1", weights_seed=9)
    with pytest.raises(AdapterError, match="Another adapter is registered as shop-1"):
        registry.register(other, PASSED)
    with pytest.raises(AdapterError, match="comes with Frontdesk"):
        registry.register(tmp_path / "shipped" / "support-en", PASSED)


def test_a_folder_that_is_not_sound_is_not_taken_in(registry: AdapterRegistry, tmp_path: Path) -> None:
    folder = make_adapter(tmp_path / "shop-1")
    (folder / "run.py").write_text("")
    with pytest.raises(AdapterError, match="not allowed"):
        registry.register(folder, PASSED)
    assert registry.list() == ()


def test_a_promoted_adapter_serves_and_the_earlier_one_is_kept(
    registry: AdapterRegistry, tmp_path: Path
) -> None:
    for name in ("shop-1", "shop-2"):
        add(registry, tmp_path, name)
    assert registry.promote("shop-1") == Pointer("shop-1", "default")
    assert registry.promote("shop-2") == Pointer("shop-2", "shop-1")
    assert registry.promote("shop-2") == Pointer("shop-2", "shop-1")
    assert registry.pointer() == read_pointer(registry.folder) == Pointer("shop-2", "shop-1")
    assert [registry.show(n).role for n in ("shop-1", "shop-2")] == ["previous", "active"]


def test_rolling_back_and_forth(registry: AdapterRegistry, tmp_path: Path) -> None:
    with pytest.raises(AdapterError, match="no earlier adapter"):
        registry.rollback()
    add(registry, tmp_path, "shop-1")
    registry.promote("shop-1")
    assert registry.rollback() == Pointer("default", "shop-1")
    assert registry.rollback() == Pointer("shop-1", "default")


def test_a_canary_is_tried_then_ended_or_promoted(registry: AdapterRegistry, tmp_path: Path) -> None:
    add(registry, tmp_path, "shop-1")
    add(registry, tmp_path, "shop-2")
    registry.promote("shop-1")
    assert registry.promote("shop-2", 10) == Pointer("shop-1", "default", Canary("shop-2", 10))
    assert registry.show("shop-2").role == "canary"
    assert registry.rollback() == Pointer("shop-1", "default")
    registry.promote("shop-2", 25.5)
    assert registry.promote("shop-2") == Pointer("shop-2", "shop-1")
    with pytest.raises(AdapterError, match="already answers all"):
        registry.promote("shop-2", 50)


def test_promoting_the_active_one_ends_the_trial_of_another(
    registry: AdapterRegistry, tmp_path: Path
) -> None:
    add(registry, tmp_path, "shop-1")
    registry.promote("shop-1", 10)
    assert registry.promote("default") == Pointer()


def test_shipped_adapters_and_the_bare_base_may_be_promoted(registry: AdapterRegistry) -> None:
    assert registry.promote("support-en").active == "support-en"
    assert registry.promote("none") == Pointer("none", "support-en")
    assert registry.rollback() == Pointer("support-en", "none")


@pytest.mark.parametrize("share", [0, -1, 100.1, float("nan")])
def test_a_share_that_makes_no_sense_is_refused(registry: AdapterRegistry, share: float) -> None:
    with pytest.raises(AdapterError, match="A share lies above 0"):
        registry.promote("none", share)


@pytest.mark.parametrize("adapter_id", ["shop-9", "../made/shop-1", "", ".lock"])
def test_what_is_not_there_cannot_be_promoted(registry: AdapterRegistry, adapter_id: str) -> None:
    with pytest.raises(AdapterError):
        registry.promote(adapter_id)
    assert registry.pointer() == Pointer()


@pytest.mark.parametrize(("gate", "why"), [(FAILED, "It refuses too often"), (None, "not been evaluated")])
def test_a_failed_gate_blocks_promotion_unless_forced_with_a_reason(
    registry: AdapterRegistry, tmp_path: Path, gate: Gate | None, why: str
) -> None:
    add(registry, tmp_path, "shop-1", gate)
    with pytest.raises(AdapterError, match=why):
        registry.promote("shop-1")
    with pytest.raises(AdapterError, match=why):
        registry.promote("shop-1", 5, forced_because="  ")
    assert registry.pointer() == Pointer()
    registry.promote("shop-1", forced_because="The questions were wrong.")
    (promotion,) = registry.show("shop-1").registration.promotions
    assert (promotion.share_percent, promotion.forced_because) == (100, "The questions were wrong.")


@pytest.mark.parametrize("name", ["adapter.gguf", "adapter.json", "registration.json"])
def test_a_tampered_adapter_is_not_promoted(registry: AdapterRegistry, tmp_path: Path, name: str) -> None:
    add(registry, tmp_path, "shop-1")
    if name == "registration.json":
        (registry.folder / "shop-1" / name).write_text("{}")
    else:
        tamper(registry, "shop-1", name)
    with pytest.raises(AdapterError, match=r"changed|damaged"):
        registry.promote("shop-1", forced_because="I want it.")
    assert registry.pointer() == Pointer()


def test_a_tampered_adapter_is_not_gone_back_to(registry: AdapterRegistry, tmp_path: Path) -> None:
    for name in ("shop-1", "shop-2"):
        add(registry, tmp_path, name)
        registry.promote(name)
    tamper(registry, "shop-1")
    with pytest.raises(AdapterError, match="changed or damaged"):
        registry.rollback()
    assert registry.pointer().active == "shop-2"


def test_an_adapter_of_another_base_or_format_is_not_promoted(
    registry: AdapterRegistry, tmp_path: Path
) -> None:
    add(registry, tmp_path, "shop-1", base_sha256="c" * 64)
    add(registry, tmp_path, "shop-2", prompt_format="passages-0")
    with pytest.raises(AdapterError, match="another base"):
        registry.promote("shop-1")
    with pytest.raises(AdapterError, match="prompt format"):
        registry.promote("shop-2")


def test_what_serves_cannot_be_deleted(registry: AdapterRegistry, tmp_path: Path) -> None:
    for name in ("shop-1", "shop-2", "shop-3"):
        add(registry, tmp_path, name)
    registry.promote("shop-1")
    registry.promote("shop-2")
    registry.promote("shop-3", 10)
    for name in ("shop-2", "shop-3"):
        with pytest.raises(AdapterError, match="answers customers"):
            registry.delete(name)
    registry.delete("shop-1")
    assert registry.pointer() == Pointer("shop-2", None, Canary("shop-3", 10))
    assert {adapter.id for adapter in registry.list()} == {"shop-2", "shop-3"}
    with pytest.raises(AdapterError, match="No adapter is registered"):
        registry.delete("shop-1")
    assert not [path for path in registry.folder.iterdir() if path.name.startswith(".s")]


def test_an_exported_adapter_comes_back_the_same_elsewhere(registry: AdapterRegistry, tmp_path: Path) -> None:
    add(registry, tmp_path, "shop-1", FAILED)
    registry.register(tmp_path / "made" / "shop-1", PASSED)
    registry.export("shop-1", tmp_path / "a.tar")
    registry.export("shop-1", tmp_path / "b.tar")
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
    elsewhere = AdapterRegistry(tmp_path / "elsewhere", base_sha256=BASE_SHA256)
    imported = elsewhere.import_archive(tmp_path / "a.tar")
    assert imported.manifest.files == registry.show("shop-1").manifest.files
    assert imported.registration.gate == PASSED
    assert elsewhere.promote("shop-1").active == "shop-1"


def archive(path: Path, **files: bytes | None) -> Path:
    """A tar file; None is a link to somewhere else."""
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            if content is None:
                member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            else:
                member.size = len(content)
            tar.addfile(member, io.BytesIO(content or b""))
    return path


@pytest.mark.parametrize(
    "bad", ["../evil.json", "/abs.json", "a/b.json", ".hidden.json", "link.json", "run.py"]
)
def test_an_archive_with_anything_foreign_changes_nothing(
    registry: AdapterRegistry, tmp_path: Path, bad: str
) -> None:
    folder = make_adapter(tmp_path / "shop-1")
    files: dict[str, bytes | None] = {path.name: path.read_bytes() for path in folder.iterdir()}
    files[bad] = None if bad == "link.json" else b"x"
    with pytest.raises(AdapterError):
        registry.import_archive(archive(tmp_path / "bad.tar", **files))
    assert registry.list() == ()
    assert not (tmp_path / "evil.json").exists()
    assert not [path for path in registry.folder.iterdir() if path.name.startswith(".staging")]


def test_an_archive_that_is_cut_tampered_with_or_none_at_all_changes_nothing(
    registry: AdapterRegistry, tmp_path: Path
) -> None:
    add(registry, tmp_path, "shop-1")
    registry.export("shop-1", tmp_path / "good.tar")
    good = (tmp_path / "good.tar").read_bytes()
    elsewhere = AdapterRegistry(tmp_path / "elsewhere")
    weights = good.index(b"blk.0.attn_q") + 200
    changed = good[:weights] + bytes([good[weights] ^ 1]) + good[weights + 1 :]
    for content in (good[: len(good) // 3], b"", b"no archive", changed):
        (tmp_path / "bad.tar").write_bytes(content)
        with pytest.raises(AdapterError):
            elsewhere.import_archive(tmp_path / "bad.tar")
    for missing in (tmp_path / "absent.tar", tmp_path):
        with pytest.raises(AdapterError):
            elsewhere.import_archive(missing)
    assert elsewhere.list() == ()


def test_adapters_trained_on_what_was_forgotten_are_marked(registry: AdapterRegistry, tmp_path: Path) -> None:
    add(registry, tmp_path, "shop-1")
    add(registry, tmp_path, "shop-2", conversations=(), customers=())
    assert registry.mark_stale(["conversation-7"]) == ()
    assert registry.mark_stale(["conversation-2"]) == ("shop-1",)
    since = registry.show("shop-1").registration.stale_since
    assert registry.mark_stale(customer="anna@wren.example") == ("shop-1",)
    assert registry.show("shop-1").registration.stale_since == since != ""
    assert registry.show("shop-2").objection == ""


def test_a_stale_adapter_is_neither_promoted_nor_exported(registry: AdapterRegistry, tmp_path: Path) -> None:
    add(registry, tmp_path, "shop-1")
    registry.mark_stale(["conversation-1"])
    with pytest.raises(AdapterError, match="were forgotten"):
        registry.promote("shop-1")
    with pytest.raises(AdapterError, match="were forgotten"):
        registry.export("shop-1", tmp_path / "a.tar")
    registry.register(tmp_path / "made" / "shop-1", PASSED)
    assert "were forgotten" in registry.show("shop-1").objection


def test_a_damaged_pointer_is_an_error_and_not_a_silent_default(registry: AdapterRegistry) -> None:
    registry.promote("none")
    (registry.folder / "active.json").write_text("{")
    with pytest.raises(AdapterError, match=r"active\.json is damaged"):
        registry.promote("support-en")


def _busy(data: Path, shipped: Path, made: Path) -> None:
    """Everything that changes a registry, over and over, until killed."""
    registry = AdapterRegistry(data, base_sha256=BASE_SHA256, shipped=shipped)
    while True:
        registry.promote("none")
        for name in ("shop-1", "shop-2"):
            registry.register(made / name, PASSED)
            registry.promote(name, 30)
            registry.promote(name)
            registry.mark_stale(["conversation-9"])
        registry.rollback()
        registry.promote("none")
        registry.rollback()
        registry.promote("none")
        for name in ("shop-1", "shop-2"):
            if registry.show(name).role in ("", "previous"):
                registry.delete(name)


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_a_kill_at_any_moment_leaves_a_registry_that_works(registry: AdapterRegistry, tmp_path: Path) -> None:
    for name in ("shop-1", "shop-2"):
        make_adapter(tmp_path / "made" / name, id=name)
    context = multiprocessing.get_context("fork")
    for attempt in range(25):
        arguments = (tmp_path / "data", tmp_path / "shipped", tmp_path / "made")
        process = context.Process(target=_busy, args=arguments)
        process.start()
        time.sleep(0.03 + 0.013 * attempt)
        assert process.pid
        assert process.is_alive()
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        pointer = registry.pointer()
        for reference in (pointer.active, pointer.previous, pointer.canary and pointer.canary.id):
            if reference not in (None, "none", "default"):
                assert load_adapter(registry.folder / str(reference)).id == reference
        for adapter in registry.list():
            load_adapter(adapter.folder)
    registry.register(tmp_path / "made" / "shop-1", PASSED)
    assert registry.promote("shop-1").active == "shop-1"


def test_what_is_kept_is_readable_json(registry: AdapterRegistry, tmp_path: Path) -> None:
    add(registry, tmp_path, "shop-1")
    registry.promote("shop-1", 12)
    kept = json.loads((registry.folder / "active.json").read_text())
    assert kept == {
        "active": "default",
        "previous": None,
        "canary": {"id": "shop-1", "share_percent": 12},
    }


def test_what_was_trained_on_forgotten_conversations_is_not_gone_back_to(
    registry: AdapterRegistry, tmp_path: Path
) -> None:
    add(registry, tmp_path, "shop-1")
    add(registry, tmp_path, "shop-2", conversations=())
    for name in ("shop-1", "shop-2"):
        registry.promote(name)
    registry.mark_stale(["conversation-1"])
    with pytest.raises(AdapterError, match=r"were forgotten .* `none`"):
        registry.rollback()
    assert registry.promote("none").active == "none"


def test_a_shipped_adapter_that_is_gone_is_not_gone_back_to(
    registry: AdapterRegistry, tmp_path: Path
) -> None:
    registry.promote("support-en")
    registry.promote("none")
    (tmp_path / "shipped" / "support-en" / "adapter.json").unlink()
    with pytest.raises(AdapterError, match="There is no adapter 'support-en'"):
        registry.rollback()
    assert registry.pointer().active == "none"
