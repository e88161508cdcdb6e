"""The settings name an adapter, the registry's pointer overrules them, a canary takes its share."""

import json
import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.adapter_choice import (
    SHIPPED,
    AdapterShelf,
    Canary,
    Lineup,
    Pointer,
    in_share,
    read_pointer,
)
from chatbot.adapter_files import base_digest, load_adapter
from chatbot.errors import AdapterError
from chatbot.prompt import PROMPT_FORMAT
from chatbot.settings import Settings, load_settings
from tests.chatbot.tiny_adapters import make_adapter


@pytest.fixture
def base(tmp_path: Path) -> Path:
    path = tmp_path / "base.gguf"
    path.write_bytes(b"a base model")
    return path


@pytest.fixture
def shipped(tmp_path: Path, base: Path) -> Path:
    make_adapter(tmp_path / "shipped" / "support-en", id="support-en", base_sha256=base_digest(base))
    return tmp_path / "shipped"


def shelf(tmp_path: Path, base: Path, shipped: Path | None = None, **settings: object) -> AdapterShelf:
    given = Settings(data_dir=tmp_path / "data", **settings)  # type: ignore[arg-type]
    return AdapterShelf(given, base, shipped or tmp_path / "nothing")


def register(tmp_path: Path, base: Path, adapter_id: str) -> None:
    make_adapter(tmp_path / "data" / "adapters" / adapter_id, id=adapter_id, base_sha256=base_digest(base))


def point(tmp_path: Path, **pointer: object) -> None:
    folder = tmp_path / "data" / "adapters"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "active.json").write_text(json.dumps(pointer))


def active_id(found: Lineup) -> str | None:
    return found.active.id if found.active else None


def test_the_shipped_adapter_serves_when_nothing_is_said(tmp_path: Path, base: Path, shipped: Path) -> None:
    assert active_id(shelf(tmp_path, base, shipped).lineup()) == "support-en"


def test_the_shipped_adapter_is_left_out_for_another_base(
    tmp_path: Path, shipped: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = tmp_path / "other.gguf"
    other.write_bytes(b"another model")
    with caplog.at_level(logging.INFO):
        assert shelf(tmp_path, other, shipped).lineup() == Lineup()
    assert "left out" in caplog.text
    with pytest.raises(AdapterError, match="another base"):
        shelf(tmp_path, other, shipped, adapter="support-en").lineup()


def test_none_is_the_bare_base(tmp_path: Path, base: Path, shipped: Path) -> None:
    assert shelf(tmp_path, base, shipped, adapter="none").lineup() == Lineup()


def test_a_copy_without_the_shipped_adapter_uses_none(
    tmp_path: Path, base: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        assert shelf(tmp_path, base).lineup() == Lineup()
    assert "no adapter is used" in caplog.text
    with pytest.raises(AdapterError, match="There is no adapter 'support-en'"):
        shelf(tmp_path, base, adapter="support-en").lineup()


def test_a_folder_may_be_set(tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_adapter(tmp_path / "mine", id="mine", base_sha256=base_digest(base))
    monkeypatch.chdir(tmp_path)
    for reference in (str(folder), "./mine"):
        assert active_id(shelf(tmp_path, base, adapter=reference).lineup()) == "mine"
    with pytest.raises(AdapterError, match="is not an adapter"):
        shelf(tmp_path, base, adapter="./other").lineup()


def test_a_registered_id_may_be_set(tmp_path: Path, base: Path) -> None:
    register(tmp_path, base, "shop-2")
    assert active_id(shelf(tmp_path, base, adapter="shop-2").lineup()) == "shop-2"


def test_a_name_that_is_nothing_is_an_error_that_says_so(tmp_path: Path, base: Path) -> None:
    with pytest.raises(AdapterError, match="There is no adapter 'shop-9'"):
        shelf(tmp_path, base, adapter="shop-9").lineup()


@pytest.mark.parametrize("name", ["", "default"])
def test_a_setting_that_names_nothing_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRONTDESK_ADAPTER", name)
    with pytest.raises(Exception, match="must name an adapter"):
        load_settings(data_dir=tmp_path)


def test_a_promoted_adapter_overrules_the_settings(tmp_path: Path, base: Path, shipped: Path) -> None:
    register(tmp_path, base, "shop-2")
    point(tmp_path, active="shop-2", previous="default")
    assert active_id(shelf(tmp_path, base, shipped).lineup()) == "shop-2"
    assert active_id(shelf(tmp_path, base, shipped).default()) == "support-en"
    point(tmp_path, active="none")
    assert shelf(tmp_path, base, shipped).lineup() == Lineup()


def test_a_canary_stands_beside_the_active_one(tmp_path: Path, base: Path, shipped: Path) -> None:
    register(tmp_path, base, "shop-2")
    point(tmp_path, canary={"id": "shop-2", "share_percent": 25})
    found = shelf(tmp_path, base, shipped).lineup()
    assert [adapter.id for adapter in found.adapters] == ["support-en", "shop-2"]
    assert found.share_percent == 25


def test_the_stamp_changes_with_every_promotion_and_only_then(tmp_path: Path, base: Path) -> None:
    watched = shelf(tmp_path, base)
    assert watched.stamp() == ()
    point(tmp_path, active="none")
    first = watched.stamp()
    assert first == watched.stamp() != ()
    point(tmp_path, active="default")
    assert watched.stamp() != first


def test_a_pointer_that_is_damaged_is_named(tmp_path: Path) -> None:
    assert read_pointer(tmp_path) == Pointer()
    (tmp_path / "active.json").write_text('{"active": ')
    with pytest.raises(AdapterError, match=r"active\.json is damaged"):
        read_pointer(tmp_path)


def test_a_pointer_is_read_as_it_was_meant(tmp_path: Path) -> None:
    pointer = {"active": "a", "previous": "b", "canary": {"id": "c", "share_percent": 2.5}}
    (tmp_path / "active.json").write_text(json.dumps(pointer))
    assert read_pointer(tmp_path) == Pointer("a", "b", Canary("c", 2.5))


def test_a_canary_gets_about_its_share() -> None:
    chosen = sum(in_share(f"conversation-{n}", "shop-2", 20) for n in range(5000))
    assert 900 < chosen < 1100


@given(st.text(min_size=1, max_size=40), st.floats(0, 100), st.floats(0, 100))
def test_a_conversation_stays_in_the_share_while_it_grows(
    conversation: str, one: float, another: float
) -> None:
    smaller, larger = sorted((one, another))
    assert in_share(conversation, "shop-2", larger) or not in_share(conversation, "shop-2", smaller)
    assert in_share(conversation, "shop-2", 100)
    assert not in_share(conversation, "shop-2", 0)


def test_what_belongs_to_no_conversation_is_not_tried_on() -> None:
    assert not in_share("", "shop-2", 100)


def test_a_canary_may_be_the_bare_base(tmp_path: Path) -> None:
    active = load_adapter(make_adapter(tmp_path / "a"))
    lineup = Lineup(active, None, 50)
    answering = [lineup.adapter_for(f"conversation-{n}") for n in range(50)]
    assert active in answering
    assert None in answering


@pytest.mark.parametrize("folder", sorted(SHIPPED.glob("*/")), ids=lambda folder: folder.name)
def test_what_is_shipped_is_sound(folder: Path) -> None:
    assert load_adapter(folder, prompt_format=PROMPT_FORMAT).id == folder.name
