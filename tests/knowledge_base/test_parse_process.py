"""Reading in another process: the same result, and an end to files that take too long or too much."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from knowledge_base.errors import DocumentError
from knowledge_base.parse import ParseLimits, parse
from knowledge_base.parse_process import ParseProcess
from tests.knowledge_base.office_files import pdf, zipped

GIGABYTE = 1_000_000_000


@pytest.fixture
def reader():
    process = ParseProcess(ParseLimits(max_pages=3), 60, GIGABYTE)
    yield process
    process.close()


def test_it_gives_what_reading_here_gives(reader, tmp_path):
    data = zipped(
        {
            "a.md": "# Ä\n\nText",
            "faq.csv": "question,answer\nWhy?,So.\nBad?\n",
            "m.pdf": pdf([["One"], ["Two"]]),
        }
    )
    (tmp_path / "a.zip").write_bytes(data)
    assert reader.parse(tmp_path / "a.zip", "sub/a.zip") == parse(data, "sub/a.zip")


def test_errors_and_limits_come_through_and_the_process_goes_on(reader, tmp_path):
    (tmp_path / "long.pdf").write_bytes(pdf([["x"]] * 4))
    (tmp_path / "good.pdf").write_bytes(pdf([["Words"]]))
    with pytest.raises(DocumentError, match="4 pages, at most 3"):
        reader.parse(tmp_path / "long.pdf", "long.pdf")
    with pytest.raises(DocumentError, match="cannot be opened"):
        reader.parse(tmp_path / "missing.pdf", "missing.pdf")
    assert reader.parse(tmp_path / "good.pdf", "good.pdf").documents[0].text == "Words"


def test_a_file_that_takes_too_long_is_given_up_and_the_next_one_is_read(tmp_path):
    os.mkfifo(tmp_path / "endless.md")
    (tmp_path / "good.md").write_text("Words")
    reader = ParseProcess(ParseLimits(), 0.2, GIGABYTE)
    try:
        with pytest.raises(DocumentError, match=r"endless.md took longer than 0.2 s .*parse_timeout_s"):
            reader.parse(tmp_path / "endless.md", "endless.md")
        reader._timeout_s = 60
        assert reader.parse(tmp_path / "good.md", "good.md").documents
    finally:
        reader.close()


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux")
def test_a_file_that_needs_too_much_memory_is_given_up(tmp_path):
    with (tmp_path / "huge.md").open("wb") as file:
        file.truncate(1_000_000_000)  # takes no room on the disk
    reader = ParseProcess(ParseLimits(), 60, 400_000_000)
    try:
        with pytest.raises(DocumentError, match=r"huge.md needs more than 0.4 GB of memory"):
            reader.parse(tmp_path / "huge.md", "huge.md")
    finally:
        reader.close()


def huge_page(file: Path) -> None:
    row = b"<p>Solid amber means <b>no</b> internet, so look at the <a href='/light'>light</a>.</p>\n"
    with file.open("wb") as written:
        written.write(b"<html><head><title>Huge</title></head><body><main>")
        for _ in range(200):
            written.write(row * (1_000_000 // len(row) + 1))
        written.write(b"</main></body></html>")


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux")
def test_a_page_of_two_hundred_megabytes_ends_within_its_memory_and_the_next_one_is_read(tmp_path):
    huge_page(tmp_path / "huge.html")
    assert (tmp_path / "huge.html").stat().st_size > 200_000_000
    (tmp_path / "good.html").write_text("<main><p>Words</p></main>")
    reader = ParseProcess(ParseLimits(max_document_bytes=GIGABYTE), 300, 600_000_000)
    try:
        with pytest.raises(DocumentError, match=r"huge.html needs more than 0.6 GB of memory to be read"):
            reader.parse(tmp_path / "huge.html", "huge.html")
        assert reader.parse(tmp_path / "good.html", "good.html").documents[0].text == "Words"
    finally:
        reader.close()


def test_a_page_of_two_hundred_megabytes_is_refused_unread_and_the_others_go_in(
    tmp_path, open_knowledge_base, embedder
):
    folder = tmp_path / "help"
    folder.mkdir()
    with (folder / "huge.html").open("wb") as file:
        file.truncate(200_000_000)
    (folder / "good.html").write_text("<main><p>Solid amber means no internet.</p></main>")
    report = open_knowledge_base().add_path(folder)
    assert report.added == 1
    ((source, reason),) = report.failed
    assert source == "huge.html"
    assert "200,000,000 bytes, at most 50,000,000 are taken. Split it or raise `max_document_bytes`" in reason


def test_a_reader_that_crashes_is_said(reader, tmp_path):
    (tmp_path / "good.md").write_text("Words")
    reader.parse(tmp_path / "good.md", "good.md")
    reader._process.kill()
    with pytest.raises(DocumentError, match="its reader crashed"):
        reader.parse(tmp_path / "good.md", "good.md")
    assert reader.parse(tmp_path / "good.md", "good.md").documents


def test_the_other_process_ends_with_this_one(tmp_path):
    code = (
        "import os, pathlib, sys\n"
        "from knowledge_base.parse import ParseLimits\n"
        "from knowledge_base.parse_process import ParseProcess\n"
        "reader = ParseProcess(ParseLimits(), 60, 1_000_000_000)\n"
        "reader.parse(pathlib.Path(sys.argv[1]), 'a.md')\n"
        "print(reader._process.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    (tmp_path / "a.md").write_text("Words")
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "a.md"], capture_output=True, text=True)
    import psutil

    try:
        psutil.Process(int(done.stdout)).wait(30)
    except psutil.NoSuchProcess:
        return
