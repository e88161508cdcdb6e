"""`frontdesk kb`: what it prints and how it ends, with a tiny embedder."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app import cli
from chatbot.services import Services
from knowledge_base.base import KnowledgeBase
from tests.knowledge_base.conftest import HashingEmbedder, write_help_centre
from tests.knowledge_base.site_server import serving
from tests.knowledge_base.test_images import ColourReader, help_with_images, png


@pytest.fixture
def kb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def opened(services: Services) -> KnowledgeBase:
        settings = services.settings
        reader = ColourReader() if settings.knowledge_base.images else None
        knowledge_base = KnowledgeBase(
            settings.data_dir / "chroma", HashingEmbedder(), settings.knowledge_base, reader
        )
        services._closers.append(knowledge_base.close)
        return knowledge_base

    monkeypatch.setattr(Services, "knowledge_base", opened)

    def run(*words: str, **more: str) -> Result:
        environment = {"FRONTDESK_DATA_DIR": str(tmp_path / "data"), "COLUMNS": "200", **more}
        return CliRunner().invoke(cli, ["kb", *words], env=environment)

    return run


def printed(done: Result) -> dict:
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_the_whole_life_of_documents(kb, tmp_path: Path) -> None:
    folder = write_help_centre(tmp_path / "help")
    added = printed(kb("sync", str(folder), "--json"))
    assert added == {"added": 9, "updated": 0, "unchanged": 0, "removed": 0, "failed": []}
    assert printed(kb("stats", "--json"))["documents"] == 3
    entries = printed(kb("list", "--json"))["entries"]
    assert {e["origin"] for e in entries} == {f"sync:{folder.resolve()}"}
    assert printed(kb("list", "--origin", "upload", "--json")) == {"entries": []}

    narrow = kb("list", COLUMNS="60").output
    assert all(entry["id"] in narrow for entry in entries)

    shown = printed(kb("show", "status-light", "--json"))
    assert (shown["title"], shown["url"]) == ("The status light", "https://help.example/light")
    assert "Solid amber" in shown["text"]
    assert "delivery time" in printed(kb("show", "faq:ship", "--json"))["all_phrasings"]

    found = printed(kb("search", "solid amber", "-k", "2", "--json"))
    assert found["chunks"][0]["document_id"] in ("status-light", "faq:amber")
    assert {"score", "scores", "page", "text"} <= set(found["chunks"][0])
    assert found["faq"][0]["id"] == "amber"

    file = tmp_path / "all.jsonl"
    assert printed(kb("export", str(file), "--json"))["exported"] == 9
    assert printed(kb("remove", "errors", "faq:ship", "--json"))["removed"] == 2
    assert printed(kb("import", str(file), "--json"))["added"] == 2
    assert printed(kb("reindex", "--json"))["unchanged"] == 9
    assert printed(kb("remove", "--origin", f"sync:{folder.resolve()}", "--json"))["removed"] == 9

    audit = CliRunner().invoke(cli, ["audit"], env={"FRONTDESK_DATA_DIR": str(tmp_path / "data")}).stdout
    done = [(e["actor"], e["action"], e["target"], e["details"]) for e in map(json.loads, audit.splitlines())]
    nothing = {"added": 0, "updated": 0, "removed": 0}
    line = "(command line)"
    assert done == [
        (line, "knowledge-place-synced", str(folder), {**nothing, "added": 9}),
        (line, "document-removed", "errors, faq:ship", {**nothing, "removed": 2}),
        (line, "knowledge-imported", str(file), {**nothing, "added": 2}),
        (line, "document-removed", f"sync:{folder.resolve()}", {**nothing, "removed": 9}),
    ]


def test_a_website_and_a_page_are_addresses(kb) -> None:
    with serving() as site:
        site.page("/", "Start", "/a")
        site.page("/a", "Page a")
        refused = kb("sync", site.address)
        assert (refused.exit_code, "private address" in refused.output) == (1, True)
        allowed = {"FRONTDESK_KNOWLEDGE_BASE__ALLOW_PRIVATE_ADDRESSES": "true"}
        assert printed(kb("sync", site.address, "--json", **allowed))["added"] == 2
        assert json.loads(kb("add", f"{site.address}/a", "--json", **allowed).stdout)["unchanged"] == 1


def test_what_failed_is_said_and_is_the_exit_code(kb, tmp_path: Path) -> None:
    folder = write_help_centre(tmp_path / "help")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 rubbish")
    for command in ("add", "sync"):
        done = kb(command, str(folder), "--json")
        assert done.exit_code == 1
        (failed,) = json.loads(done.stdout)["failed"]
        assert failed["source"] == "broken.pdf"
        assert "is damaged" in failed["reason"]
    done = kb("add", str(folder))
    assert "9 unchanged, 0 removed, 1 failed" in done.output
    assert "\nbroken.pdf is damaged" in done.output
    done = kb("remove", "missing", "--json")
    assert (done.exit_code, json.loads(done.stdout)["removed"]) == (1, 0)


def test_errors_are_one_line_and_no_traceback(kb, tmp_path: Path) -> None:
    for words in (("show", "missing"), ("sync", str(tmp_path / "no")), ("import", str(tmp_path / "no"))):
        done = kb(*words)
        assert done.exit_code == 1
        assert "Traceback" not in done.output


def test_people_read_tables_and_passages(kb, tmp_path: Path) -> None:
    kb("add", str(write_help_centre(tmp_path / "help")))
    assert "status-light" in kb("list").output
    assert "also: delivery time" in kb("show", "faq:ship").output
    searched = kb("search", "solid amber").output
    assert "The status light" in searched
    assert "dense" in searched
    assert "3 documents" in kb("stats").output


def test_a_search_names_what_says_the_same_and_gives_the_section(kb, tmp_path: Path) -> None:
    steps = " ".join(f"Step {n} is done with the button of colour {n}." for n in range(1, 40))
    folder = tmp_path / "twins"
    folder.mkdir()
    for name in ("page", "manual"):
        (folder / f"{name}.md").write_text(f"# Guide\n\n{steps}\n", encoding="utf-8")
    kb("add", str(folder))
    (first, *_) = printed(kb("search", "colour 20", "--json"))["chunks"]
    assert first["section"] == steps
    assert first["text"] != steps
    (other,) = first["folded"]
    assert {first["document_id"], other.partition("#")[0]} == {"page", "manual"}
    assert f"as much as {other}" in kb("search", "colour 20").output


def test_a_search_is_filtered(kb, tmp_path: Path) -> None:
    folder = write_help_centre(tmp_path / "help")
    front = "---\ntitle: Secret\naudience: internal\nvalid_until: 2020-06-30\nproduct: Wren Dot\n---\n"
    (folder / "secret.md").write_text(f"{front}Solid amber: code 7.")
    kb("add", str(folder))

    def found(*options: str) -> set[str]:
        chunks = printed(kb("search", "what does solid amber mean", "-k", "50", "--json", *options))["chunks"]
        return {one["document_id"] for one in chunks}

    assert "secret" not in found()
    assert "secret" not in found("--audience", "internal")
    assert "secret" in found("--audience", "internal", "--on", "2020-06-30")
    assert "secret" in found("--all")
    assert "status-light" not in found("--product", "Wren Dot", "--all")
    assert found("--language", "zh") <= {"faq:zh-ship", "faq:zh-refund"}
    assert kb("search", "amber", "--on", "soon").exit_code == 2
    assert "audience: internal" in kb("show", "secret").output


def test_a_screenshot_is_searched_with(kb, tmp_path: Path) -> None:
    images = {"FRONTDESK_KNOWLEDGE_BASE__IMAGES": "true"}
    folder, file = help_with_images(tmp_path / "help"), tmp_path / "shot.png"
    file.write_bytes(png("guests"))
    assert printed(kb("add", str(folder), "--json", **images))["failed"] == []
    assert printed(kb("stats", "--json", **images))["images"] == 3
    found = printed(kb("search", "--image", str(file), "--json", **images))
    assert found["images"][0]["source"] == "images/guests.png"
    assert found["chunks"][0]["document_id"] == "guests"
    assert found["chunks"][0]["scores"]["image"] > 0.5
    told = kb("search", "--image", str(file), **images)
    assert "image images/guests.png: The guests page  (guests)" in told.output
    assert kb("search").exit_code == 2
    assert "cannot be read" in kb("search", "--image", str(tmp_path / "none.png"), **images).output
    refused = kb("search", "--image", str(file))
    assert refused.exit_code == 1
    assert "Screenshots cannot be read here" in refused.output
