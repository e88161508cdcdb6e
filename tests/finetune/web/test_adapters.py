"""What the page shows of the registry and what it lets an operator change."""

from pathlib import Path

import pytest

from chatbot.adapter_files import Gate
from chatbot.errors import AdapterError, InputError
from chatbot.store import AdapterFeedback
from finetune.registry import AdapterRegistry
from finetune.web.adapters import AdapterDesk
from finetune.web.adapters_html import adapters_html, details_html, feedback_html, serving_html
from tests.chatbot.tiny_adapters import BASE_SHA256, FAILED, PASSED, make_adapter


@pytest.fixture
def registry(tmp_path: Path) -> AdapterRegistry:
    registry = AdapterRegistry(tmp_path / "data", base_sha256=BASE_SHA256, shipped=tmp_path / "shipped")
    for name, gate in (("good-1", PASSED), ("bad-1", FAILED), ("new-1", None)):
        registry.register(make_adapter(tmp_path / name, id=name, weights_seed=len(name)), gate)
    return registry


@pytest.fixture
def desk(registry: AdapterRegistry) -> AdapterDesk:
    return AdapterDesk(lambda: registry, lambda: registry, "support-en")


def test_the_table_says_how_each_gate_stands_and_which_one_answers(desk: AdapterDesk) -> None:
    desk.promote("good-1", because="")
    shown = adapters_html(desk.shelf(), "en")
    for word in ("good-1", "bad-1", "passed", "failed", "not evaluated", "current", "candidate", "0.900"):
        assert word in shown
    assert "Serving now: good-1. Before: the adapter of the settings (support-en)." in serving_html(
        desk.shelf(), "en"
    )
    assert "使用中" in adapters_html(desk.shelf(), "zh")


def test_a_failed_gate_blocks_with_its_reason_until_the_id_is_typed(
    desk: AdapterDesk, registry: AdapterRegistry
) -> None:
    assert "It refuses too often" in details_html(desk.shelf().find("bad-1"), desk.shelf(), "en")
    with pytest.raises(AdapterError, match="refuses too often"):
        desk.promote("bad-1", because="typed")
    with pytest.raises(InputError, match="You typed 'bad'"):
        desk.promote("bad-1", "bad", because="typed")
    assert registry.pointer().active == "default"
    desk.promote("bad-1", " bad-1 ", because="typed its id")
    assert registry.show("bad-1").registration.promotions[-1].forced_because == "typed its id"
    assert "typed its id" in details_html(desk.shelf().find("bad-1"), desk.shelf(), "en")


def test_a_share_is_tried_and_rolled_back(desk: AdapterDesk) -> None:
    desk.promote("good-1", because="", share_percent=5)
    assert "On trial in 5 % of conversations: good-1." in serving_html(desk.shelf(), "en")
    desk.rollback()
    assert "trial" not in serving_html(desk.shelf(), "en")
    desk.promote("none", because="")
    assert "Serving now: the bare base model." in serving_html(desk.shelf(), "en")


def test_an_adapter_goes_out_and_comes_in_again(desk: AdapterDesk, tmp_path: Path) -> None:
    archive = desk.export("good-1", tmp_path / "downloads")
    assert archive.name == "good-1.tar"
    desk.delete("good-1")
    assert desk.shelf().find("good-1") is None
    assert desk.take(archive).id == "good-1"
    assert desk.shelf().find("good-1")
    assert not archive.exists()


def test_what_is_no_adapter_is_refused_and_removed(desk: AdapterDesk, tmp_path: Path) -> None:
    upload = tmp_path / "evil.tar"
    upload.write_bytes(b"no tar")
    with pytest.raises(AdapterError):
        desk.take(upload)
    assert not upload.exists()
    with pytest.raises(AdapterError):
        desk.export("unknown", tmp_path / "downloads")
    assert list((tmp_path / "downloads").iterdir()) == []


@pytest.mark.parametrize("change", ["delete", "promote"])
def test_nothing_chosen_changes_nothing(desk: AdapterDesk, change: str) -> None:
    with pytest.raises(InputError, match="No adapter is chosen"):
        desk.delete("") if change == "delete" else desk.promote("", because="")


def test_figures_stand_beside_those_of_the_current_adapter(desk: AdapterDesk) -> None:
    desk.promote("good-1", because="")
    shelf = desk.shelf()
    assert "good-1 (current)" in details_html(shelf.find("new-1"), shelf, "en")
    assert "(current)" not in details_html(shelf.find("good-1"), shelf, "en")


def test_reasons_of_a_foreign_adapter_are_text_and_no_markup(
    registry: AdapterRegistry, desk: AdapterDesk, tmp_path: Path
) -> None:
    gate = Gate(False, ("<script>alert(1)</script>",))
    registry.register(make_adapter(tmp_path / "odd", id="odd-1", weights_seed=3), gate)
    shown = details_html(desk.shelf().find("odd-1"), desk.shelf(), "en")
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown


def test_feedback_is_a_table_and_nothing_without_answers() -> None:
    assert feedback_html((), "en") == ""
    shown = feedback_html((AdapterFeedback("good-1", 12, 2, 3, 1),), "en")
    assert "<td>12</td><td>2</td><td>3</td><td>1</td>" in shown
