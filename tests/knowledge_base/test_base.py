import os
import subprocess
import sys
import threading
from pathlib import Path

import filelock
import pytest

from knowledge_base import base
from knowledge_base.documents import RetrievalResult
from knowledge_base.errors import IndexUnavailableError


def test_it_is_there_again_after_a_restart(open_knowledge_base, help_centre):
    first = open_knowledge_base()
    first.add_path(help_centre)
    before = first.retrieve("solid amber")
    first.close()
    again = open_knowledge_base()
    assert again.retrieve("solid amber") == before
    assert again.document("status-light").metadata == {"product": "Wren One"}


def test_a_passage_can_be_opened_in_its_place(knowledge_base):
    for retrieved in knowledge_base.retrieve("the device is red", top_k=50).chunks:
        found = retrieved.chunk
        assert knowledge_base.document(found.document_id).text[found.start : found.end] == found.text


def test_what_is_not_there_is_none(knowledge_base):
    assert knowledge_base.document("missing") is None
    assert knowledge_base.document("faq:missing") is None
    assert knowledge_base.faq("missing") is None


@pytest.mark.parametrize("document_id", ["status-light", "faq:ship"])
def test_a_removed_document_is_gone_for_good(knowledge_base, open_knowledge_base, document_id):
    assert knowledge_base.remove_document(document_id)
    assert not knowledge_base.remove_document(document_id)
    for one in (knowledge_base, open_knowledge_base()):
        assert one.document(document_id) is None
        found = one.retrieve("solid amber shipping", top_k=50).chunks
        assert document_id not in {c.chunk.document_id for c in found}


def test_searches_during_an_ingest_see_the_old_or_the_new_and_never_fail(knowledge_base, help_centre):
    for n in range(40):
        (help_centre / f"new{n}.md").write_text(f"# New {n}\n\nFlamingo number {n}.\n")
    failures: list[BaseException] = []
    counts: set[int] = set()
    stop = threading.Event()

    def search() -> None:
        while not stop.is_set():
            try:
                result: RetrievalResult = knowledge_base.retrieve("flamingo", top_k=50)
                counts.add(sum("Flamingo" in c.chunk.text for c in result.chunks))
                knowledge_base.documents()
            except Exception as error:  # noqa: BLE001 - any failure counts
                failures.append(error)
                return

    threads = [threading.Thread(target=search) for _ in range(2)]
    for thread in threads:
        thread.start()
    knowledge_base.add_path(help_centre)
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert counts <= {0, 40}
    assert knowledge_base.stats().documents == 43


OTHER_PROCESS = """
import sys
from pathlib import Path
from knowledge_base.base import KnowledgeBase
from knowledge_base.settings import KnowledgeBaseSettings
from tests.knowledge_base.conftest import HashingEmbedder

base = KnowledgeBase(Path(sys.argv[1]), HashingEmbedder(), KnowledgeBaseSettings())
assert base.add_path(Path(sys.argv[2])).added == 1
base.close()
"""


def test_what_another_process_adds_is_found_by_the_next_search(knowledge_base, tmp_path):
    page = tmp_path / "flamingo.md"
    page.write_text("# Flamingo\n\nA flamingo stands on one leg.\n")
    root = Path(__file__).parents[2]
    env = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", OTHER_PROCESS, tmp_path / "chroma", page]
    subprocess.run(command, check=True, cwd=root, env=env)
    best = knowledge_base.retrieve("flamingo one leg").chunks[0]
    assert best.chunk.document_id == "flamingo"
    assert best.scores["dense"] > 0.5
    (tmp_path / "second.md").write_text("# Pelican\n\nA pelican has a large bill.\n")
    assert knowledge_base.add_path(tmp_path / "second.md").added == 1
    assert knowledge_base.stats().documents == 5


def test_two_writers_do_not_mix(knowledge_base, help_centre, tmp_path, monkeypatch):
    monkeypatch.setattr(knowledge_base._file_lock, "timeout", 0.1)
    with (
        filelock.FileLock(tmp_path / "chroma" / "ingest.lock"),
        pytest.raises(IndexUnavailableError, match="another process"),
    ):
        knowledge_base.add_path(help_centre)


def test_two_threads_may_add_at_once(knowledge_base, tmp_path):
    pages = [tmp_path / f"page{n}.md" for n in range(4)]
    for page in pages:
        page.write_text(f"# {page.stem}\n\nSome words.\n")
    threads = [threading.Thread(target=knowledge_base.add_path, args=(page,)) for page in pages]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert knowledge_base.stats().documents == 7


def test_products_and_codes_make_the_vocabulary(knowledge_base):
    assert knowledge_base.vocabulary()[0] == "Wren One"
    assert {"WR-104", "WR-201"} <= set(knowledge_base.vocabulary())


def test_importing_it_loads_neither_torch_nor_weights():
    code = f"import {base.__name__}, sys; assert not {{'torch', 'sentence_transformers'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
