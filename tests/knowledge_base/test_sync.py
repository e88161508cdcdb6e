"""A folder and what came from it stay in step; what came otherwise stays."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from knowledge_base import ingest
from knowledge_base.documents import FaqEntry
from knowledge_base.errors import DocumentError, FrontdeskError
from knowledge_base.files import SourceFile
from knowledge_base.index import Index
from knowledge_base.report import IngestReport
from knowledge_base.watch import watch_folder
from tests.knowledge_base.conftest import FAQ, HashingEmbedder, write_help_centre
from tests.knowledge_base.office_files import pdf, zipped


@pytest.fixture
def synced(open_knowledge_base, help_centre):
    knowledge_base = open_knowledge_base()
    assert knowledge_base.sync_folder(help_centre) == IngestReport(added=9)
    return knowledge_base


def test_what_changed_is_changed_and_what_is_gone_is_removed(synced, help_centre):
    (help_centre / "errors.md").unlink()
    (help_centre / "new.md").write_text("# New\n\nWords.\n")
    light = help_centre / "light.md"
    light.write_text(light.read_text().replace("Solid red", "Crimson"))
    (help_centre / "faq.csv").write_text(FAQ.replace("Three to five days.", "Two days."), encoding="utf-8")
    assert synced.sync_folder(help_centre) == IngestReport(added=1, updated=2, unchanged=6, removed=1)
    assert synced.document("errors") is None
    assert synced.faq("ship").answer == "Two days."
    assert synced.sync_folder(help_centre) == IngestReport(unchanged=9)


def test_what_did_not_change_is_not_parsed(synced, help_centre, monkeypatch, embedder):
    embedder.encoded.clear()
    monkeypatch.setattr(ingest.FileReader, "parse", lambda *given: pytest.fail("parsed"))
    assert synced.sync_folder(help_centre) == IngestReport(unchanged=9)
    (help_centre / "light.md").touch()
    assert synced.sync_folder(help_centre) == IngestReport(unchanged=9)
    assert embedder.encoded == []


def test_after_a_new_version_of_the_parser_all_files_are_noted_at_once(synced, help_centre, monkeypatch):
    put: list[int] = []
    monkeypatch.setattr("knowledge_base.ingest.PARSER_VERSION", 1_000)
    monkeypatch.setattr(Index, "put_records", lambda self, items: put.append(len(items)))
    assert synced.sync_folder(help_centre).unchanged == synced.stats().documents + synced.stats().faq_entries
    assert [count for count in put if count] == [len(synced.entries())]
    put.clear()
    synced.sync_folder(help_centre)
    assert not any(put)


def test_a_row_that_changed_embeds_that_row_only(synced, help_centre, embedder):
    embedder.encoded.clear()
    (help_centre / "faq.csv").write_text(FAQ.replace("Three to five", "Two"), encoding="utf-8")
    synced.sync_folder(help_centre)
    assert "delivery time" in embedder.encoded
    assert not any("PPPoE" in text for text in embedder.encoded)


def test_a_document_whose_id_changed_does_not_stay_twice(synced, help_centre):
    light = help_centre / "light.md"
    light.write_text(light.read_text().replace("id: status-light", "id: lights"))
    assert synced.sync_folder(help_centre) == IngestReport(added=1, unchanged=8, removed=1)
    assert synced.document("status-light") is None


def test_a_file_that_got_broken_keeps_its_last_good_content(synced, help_centre):
    (help_centre / "light.md").write_bytes(b"\xff\xfe\xff")
    for _ in range(2):
        report = synced.sync_folder(help_centre)
        assert (report.removed, [source for source, _ in report.failed]) == (0, ["light.md"])
    assert synced.document("status-light")


def test_problems_inside_of_a_file_are_reported_again(open_knowledge_base, help_centre):
    (help_centre / "faq.csv").write_text(FAQ + "broken,en,No answer?,,,\n", encoding="utf-8")
    (help_centre / "zz.md").write_text("---\nid: errors\n---\nAnother text")
    knowledge_base = open_knowledge_base()
    first = knowledge_base.sync_folder(help_centre)
    second = knowledge_base.sync_folder(help_centre)
    assert len(first.failed) == 2
    assert second == IngestReport(unchanged=9, failed=first.failed)


def test_files_take_over_ids_as_a_new_start_would(synced, help_centre):
    (help_centre / "aa.md").write_text("---\nid: errors\n---\nAnother text")
    report = synced.sync_folder(help_centre)
    assert report.failed == (("errors.md", "The id 'errors' is used by aa.md already."),)
    assert synced.document("errors").text == "Another text"
    (help_centre / "aa.md").unlink()
    assert synced.sync_folder(help_centre).failed == ()
    assert synced.document("errors").title == "Error codes"


def test_what_was_added_by_hand_is_neither_removed_nor_replaced(open_knowledge_base, help_centre, tmp_path):
    knowledge_base = open_knowledge_base()
    by_hand = tmp_path / "errors.md"
    by_hand.write_text("---\nid: errors\n---\nBy hand")
    knowledge_base.add_path(by_hand)
    knowledge_base.add_files([SourceFile(by_hand, "other.md"), SourceFile(by_hand, "errors.md")])
    knowledge_base.add_entry(FaqEntry("written", "Who wrote this?", "We did."))
    (failed,) = knowledge_base.sync_folder(help_centre).failed
    assert failed[0] == "errors.md"
    assert "added by hand" in failed[1]
    (help_centre / "errors.md").unlink()
    knowledge_base.sync_folder(help_centre)
    assert knowledge_base.document("errors").text == "By hand"
    assert knowledge_base.faq("written").answer == "We did."


def test_a_sync_may_adopt_what_was_added_by_hand(open_knowledge_base, help_centre):
    knowledge_base = open_knowledge_base()
    knowledge_base.add_path(help_centre)
    assert knowledge_base.sync_folder(help_centre) == IngestReport(unchanged=9)
    assert knowledge_base.sync_folder(help_centre, adopt=True) == IngestReport(unchanged=9)
    (help_centre / "errors.md").unlink()
    assert knowledge_base.sync_folder(help_centre).removed == 1


def test_what_is_synced_is_not_replaced_by_hand_or_by_another_folder(synced, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "errors.md").write_text("---\nid: errors\n---\nOther")
    for report in (synced.add_path(other), synced.sync_folder(other)):
        assert "kept in step with the folder" in report.failed[0][1]
    assert synced.document("errors").title == "Error codes"


def test_two_folders_do_not_remove_each_others_documents(synced, help_centre, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "light.md").write_text("---\nid: other\n---\nOther")
    (other / "faq.csv").write_text("id,question,answer\nother,Other?,Yes\n")
    assert synced.sync_folder(other) == IngestReport(added=2)
    assert synced.sync_folder(help_centre) == IngestReport(unchanged=9)
    assert synced.remove_origin(f"sync:{other.resolve()}") == 2
    assert synced.stats().documents == 3


def test_an_empty_folder_is_taken_for_a_mistake(synced, help_centre, tmp_path):
    for file in help_centre.rglob("*.*"):
        file.unlink()
    with pytest.raises(DocumentError, match="mounted"):
        synced.sync_folder(help_centre)
    with pytest.raises(DocumentError, match="There is no folder"):
        synced.sync_folder(tmp_path / "missing")
    assert synced.stats().documents == 3
    assert synced.sync_folder(help_centre, allow_empty=True).removed == 9


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
def test_what_lies_in_a_folder_that_cannot_be_read_is_not_removed(synced, help_centre, monkeypatch):
    listed = os.scandir

    def scandir(path):
        if Path(path).name == "sub":
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    report = synced.sync_folder(help_centre)
    assert (report.removed, report.failed) == (0, (("sub", "The folder cannot be read: Permission denied."),))


def test_files_of_an_archive_come_and_go_with_it(open_knowledge_base, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    pack = folder / "help.zip"
    pack.write_bytes(zipped({"a.md": "A", "b.md": "B", "m.pdf": pdf([["One"], ["Two"]])}))
    knowledge_base = open_knowledge_base()
    assert knowledge_base.sync_folder(folder) == IngestReport(added=3)
    assert knowledge_base.sync_folder(folder) == IngestReport(unchanged=3)
    assert knowledge_base.document("help.zip/m").pages == (0, 5)
    pack.write_bytes(zipped({"a.md": "A"}))
    assert knowledge_base.sync_folder(folder) == IngestReport(unchanged=1, removed=2)


def test_entries_tell_where_things_came_from(synced, help_centre):
    entry = next(e for e in synced.entries() if e.id == "faq:ship")
    assert (entry.kind, entry.origin, entry.source) == ("faq", f"sync:{help_centre.resolve()}", "faq.csv")
    assert (entry.chunks, entry.phrasings) == (1, 3)


def test_an_export_is_taken_in_elsewhere_just_as_it_was(synced, help_centre, tmp_path, embedder):
    from knowledge_base.base import KnowledgeBase
    from knowledge_base.settings import KnowledgeBaseSettings

    file = tmp_path / "all.jsonl"
    assert synced.export_to(file) == 9
    other = KnowledgeBase(tmp_path / "elsewhere", embedder, KnowledgeBaseSettings())
    try:
        assert other.import_from(file) == IngestReport(added=9)
        assert other.import_from(file) == IngestReport(unchanged=9)
        assert other.entries() == synced.entries()
        assert other.documents() == synced.documents()
        assert other.faq_entries() == synced.faq_entries()
        assert other.sync_folder(help_centre) == IngestReport(unchanged=9)
        file.write_text(file.read_text() + "broken\n" + '{"record": {"id": 1}, "provenance": {}}\n')
        assert [why for _, why in other.import_from(file).failed] == [
            "line 11 is no record",
            "line 12 is no record",
        ]
        with pytest.raises(DocumentError, match="no export"):
            other.import_from(help_centre / "faq.csv")
    finally:
        other.close()


def test_reindexing_cuts_anew_what_was_cut_in_another_way(synced, open_knowledge_base, help_centre, embedder):
    other = open_knowledge_base(chunk_tokens=32, chunk_overlap_tokens=0)
    assert other.reindex() == IngestReport(updated=9)
    assert other.reindex() == IngestReport(unchanged=9)
    assert other.reindex(everything=True) == IngestReport(updated=9)
    assert other.sync_folder(help_centre) == IngestReport(unchanged=9)


def test_a_new_embedder_takes_over_what_the_last_one_had(synced, tmp_path):
    from knowledge_base.base import KnowledgeBase
    from knowledge_base.settings import KnowledgeBaseSettings

    class OtherEmbedder(HashingEmbedder):
        id = "other-64"

    other = KnowledgeBase(tmp_path / "chroma", OtherEmbedder(), KnowledgeBaseSettings())
    try:

        def stop(done: int, total: int, source: str) -> None:
            if done == 4:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            other.reindex(stop)
        assert other.reindex().added == 5
        assert other.entries() == synced.entries()
        other.remove_document("errors")
        assert other.reindex() == IngestReport(unchanged=8)
        with pytest.raises(DocumentError, match="nothing of an embedder 'third'"):
            other.reindex(source="third")
        assert other.reindex(source=HashingEmbedder.id).added == 1
    finally:
        other.close()


def test_a_watched_folder_is_synced_at_once_and_after_a_change(open_knowledge_base, help_centre):
    knowledge_base = open_knowledge_base()
    stop, told = threading.Event(), []
    has_begun, has_changed = threading.Event(), threading.Event()

    def tell(done: IngestReport | FrontdeskError) -> None:
        told.append(done)
        (has_changed if len(told) > 1 else has_begun).set()

    thread = threading.Thread(
        target=watch_folder, args=(knowledge_base, help_centre, tell), kwargs={"stop": stop}
    )
    thread.start()
    try:
        assert has_begun.wait(60)
        assert told == [IngestReport(added=9)]
        (help_centre / "new.md").write_text("# New\n\nWords.\n")
        assert has_changed.wait(60)
        assert told[1] == IngestReport(added=1, unchanged=9)
    finally:
        stop.set()
        thread.join(60)
    assert not thread.is_alive()


SYNC = """
import sys, time
from pathlib import Path
from knowledge_base.base import KnowledgeBase
from knowledge_base.settings import KnowledgeBaseSettings
from tests.knowledge_base.conftest import HashingEmbedder

class SlowEmbedder(HashingEmbedder):
    def encode(self, texts, role="document"):
        time.sleep(0.01)
        return super().encode(texts, role)

base = KnowledgeBase(Path(sys.argv[1]), SlowEmbedder(), KnowledgeBaseSettings())
print("ready", flush=True)
base.sync_folder(Path(sys.argv[2]))
print("done", flush=True)
"""


def start_sync(folder: Path, help_centre: Path) -> "subprocess.Popen[str]":
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", SYNC, folder, help_centre]
    env = {**os.environ, "PYTHONPATH": str(root)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root, env=env)
    assert process.stdout.readline() == "ready\n"
    return process


def stored(folder: Path) -> dict[str, tuple[object, ...]]:
    from knowledge_base.index import Index

    index = Index(folder, HashingEmbedder.id, HashingEmbedder.dimension)
    try:
        return {
            key: (item.record, item.revision, item.chunks, item.phrasings, item.provenance)
            for key, item in index.load().items()
        }
    finally:
        index.close()


def test_syncs_that_are_killed_at_random_moments_end_as_an_undisturbed_one(tmp_path):
    help_centre, folder = write_help_centre(tmp_path / "help"), tmp_path / "killed"
    moments = random.Random(6)
    for round_number in range(5):
        name = help_centre / f"page{round_number}.md"
        name.write_text(f"# Page {round_number}\n\nWords {round_number}.\n")
        (help_centre / f"page{round_number - 2}.md").unlink(missing_ok=True)
        process = start_sync(folder, help_centre)
        time.sleep(moments.uniform(0.0, 0.3))  # any moment is right
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert start_sync(folder, help_centre).wait() == 0
    assert start_sync(tmp_path / "expected", help_centre).wait() == 0
    assert stored(folder) == stored(tmp_path / "expected")
    assert len(stored(folder)) == 11


def test_two_syncs_at_once_end_as_one(tmp_path):
    help_centre, folder = write_help_centre(tmp_path / "help"), tmp_path / "both"
    both = [start_sync(folder, help_centre) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert start_sync(tmp_path / "expected", help_centre).wait() == 0
    assert stored(folder) == stored(tmp_path / "expected")
