import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from knowledge_base.base import Stats
from knowledge_base.errors import DocumentError
from tests.knowledge_base.conftest import FAQ, HashingEmbedder, write_help_centre


def test_a_folder_is_taken_in_whole(open_knowledge_base, help_centre):
    knowledge_base = open_knowledge_base()
    report = knowledge_base.add_path(help_centre)
    assert (report.added, report.updated, report.unchanged, report.failed) == (9, 0, 0, ())
    assert knowledge_base.stats() == Stats(documents=3, chunks=11, faq_entries=6, phrasings=11)
    assert [d.id for d in knowledge_base.documents()] == ["errors", "status-light", "sub/returns"]


def test_taking_it_in_again_changes_and_embeds_nothing(knowledge_base, help_centre, embedder):
    embedder.encoded.clear()
    report = knowledge_base.add_path(help_centre)
    assert (report.added, report.updated, report.unchanged) == (0, 0, 9)
    assert embedder.encoded == []


def test_a_changed_file_replaces_what_it_held(knowledge_base, help_centre):
    page = help_centre / "light.md"
    page.write_text(page.read_text().replace("Solid red means", "Crimson means"))
    report = knowledge_base.add_path(help_centre)
    assert (report.added, report.updated, report.unchanged) == (0, 1, 8)
    texts = [c.chunk.text for c in knowledge_base.retrieve("crimson solid red", top_k=50).chunks]
    assert any(text.startswith("Crimson") for text in texts)
    assert not any(text.startswith("Solid red") for text in texts)


def test_a_row_taken_out_of_a_faq_table_is_removed(knowledge_base, help_centre):
    (help_centre / "faq.csv").write_text("\n".join(FAQ.splitlines()[:-1]), encoding="utf-8")
    assert knowledge_base.add_path(help_centre).removed == 1
    assert knowledge_base.faq("zh-refund") is None
    assert knowledge_base.document("faq:zh-refund") is None


def test_a_row_that_got_broken_keeps_its_last_good_answer(knowledge_base, help_centre):
    (help_centre / "faq.csv").write_text(FAQ.replace("七天。", ""), encoding="utf-8")
    report = knowledge_base.add_path(help_centre)
    assert report.removed == 0
    assert report.failed == (("faq.csv", "line 7: no answer"),)
    assert knowledge_base.faq("zh-refund").answer == "七天。"


def test_bad_files_fail_alone_and_say_why(open_knowledge_base, help_centre):
    (help_centre / "binary.md").write_bytes(b"%PDF-1.7\n\0\0")
    (help_centre / "broken.md").write_text("---\nid: [\n---\nText")
    (help_centre / "empty.md").write_text("")
    (help_centre / "latin.md").write_bytes("Café".encode("latin-1"))
    (help_centre / "prices.csv").write_text("name,price\nx,1\n")
    (help_centre / "huge.md").write_text("word " * 1_000)
    report = open_knowledge_base(max_document_bytes=2_000).add_path(help_centre)
    assert report.added == 9
    reasons = dict(report.failed)
    assert sorted(reasons) == ["binary.md", "broken.md", "empty.md", "huge.md", "latin.md", "prices.csv"]
    assert "5,000 bytes, at most 2,000" in reasons["huge.md"]


def test_an_id_that_is_used_twice_is_refused_the_second_time(open_knowledge_base, help_centre):
    (help_centre / "zz.md").write_text("---\nid: errors\n---\nAnother text")
    knowledge_base = open_knowledge_base()
    for _ in range(2):
        (failed,) = knowledge_base.add_path(help_centre).failed
        assert failed == ("zz.md", "The id 'errors' is used by errors.md already.")
        assert knowledge_base.document("errors").title == "Error codes"


def test_hidden_files_and_other_types_are_passed_over(open_knowledge_base, help_centre):
    (help_centre / ".git").mkdir()
    (help_centre / ".git" / "note.md").write_text("hidden")
    (help_centre / "image.png").write_bytes(b"\x89PNG")
    report = open_knowledge_base().add_path(help_centre)
    assert (report.added, report.failed) == (9, ())


def test_one_file_can_be_given_alone(open_knowledge_base, help_centre):
    knowledge_base = open_knowledge_base()
    assert knowledge_base.add_path(help_centre / "light.md").added == 1
    assert knowledge_base.document("status-light").source == "light.md"


def test_a_single_file_of_an_unknown_type_is_reported(open_knowledge_base, tmp_path):
    (tmp_path / "program.exe").write_text("text")
    assert "unknown type" in open_knowledge_base().add_path(tmp_path / "program.exe").failed[0][1]


def test_nothing_at_the_path_is_an_error(open_knowledge_base, tmp_path):
    with pytest.raises(DocumentError, match="nothing at"):
        open_knowledge_base().add_path(tmp_path / "missing")


def test_progress_names_every_file_and_the_end(open_knowledge_base, help_centre):
    seen: list[tuple[int, int, str]] = []
    open_knowledge_base().add_path(help_centre, lambda *step: seen.append(step))
    assert seen == [
        (0, 4, "errors.md"),
        (1, 4, "faq.csv"),
        (2, 4, "light.md"),
        (3, 4, "sub/returns.html"),
        (4, 4, ""),
    ]


def test_other_chunk_settings_cut_anew(open_knowledge_base, help_centre):
    open_knowledge_base().add_path(help_centre)
    assert open_knowledge_base(chunk_tokens=32, chunk_overlap_tokens=0).add_path(help_centre).updated == 9


def test_a_broken_off_run_keeps_and_shows_what_was_done(open_knowledge_base, help_centre):
    knowledge_base = open_knowledge_base()

    def stop(done: int, total: int, source: str) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        knowledge_base.add_path(help_centre, stop)
    assert knowledge_base.document("errors")
    assert knowledge_base.document("status-light") is None
    assert knowledge_base.add_path(help_centre).added == 2


SLOW_INGEST = """
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
base.add_path(Path(sys.argv[2]))
print("done", flush=True)
"""


def start_ingest(folder: Path, help_centre: Path) -> subprocess.Popen[str]:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", SLOW_INGEST, folder, help_centre]
    env = {**os.environ, "PYTHONPATH": str(root)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root, env=env)
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


def stored(index) -> dict[str, tuple[object, ...]]:
    return {
        key: (item.record, item.revision, item.chunks, item.phrasings, item.chunk_vectors.round(5).tolist())
        for key, item in index.load().items()
    }


def test_killed_at_any_moment_and_run_again_gives_the_same_state(tmp_path):
    from knowledge_base.index import Index

    help_centre = write_help_centre(tmp_path / "help")
    expected_folder, folder = tmp_path / "expected", tmp_path / "killed"
    assert start_ingest(expected_folder, help_centre).wait() == 0
    for round_number in range(4):
        process = start_ingest(folder, help_centre)
        time.sleep(random.Random(round_number).uniform(0.0, 0.3))
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert start_ingest(folder, help_centre).wait() == 0

    indexes = [Index(f, HashingEmbedder.id, HashingEmbedder.dimension) for f in (expected_folder, folder)]
    try:
        assert stored(indexes[0]) == stored(indexes[1])
        assert len(stored(indexes[1])) == 9
    finally:
        for index in indexes:
            index.close()
