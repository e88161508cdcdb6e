"""ZIPs: bounded, never outside of their folder, one level deep."""

import io
import json
import stat
import zipfile
from pathlib import Path

import pytest

from finetune.transcripts import (
    Limits,
    ReadOptions,
    TranscriptError,
    detect_format,
    import_transcripts,
    safe_label,
)
from tests.finetune.transcripts_files import ANSWERED, ASKED, SAID, chat, read, said


def packed(path: Path, files: dict[str, bytes | str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def test_files_of_all_kinds_are_read(tmp_path: Path) -> None:
    path = packed(
        tmp_path / "all.zip",
        {
            "chats/a.jsonl": json.dumps(chat("1")),
            "chats/b.txt": f"Customer: {ASKED}\nAgent: {ANSWERED}\n",
            "c.csv": f"question,answer\n{ASKED},{ANSWERED}\n",
            "__MACOSX/._a.jsonl": b"\0\1\2",
        },
    )
    found, dropped = read(path)
    assert [said(c) for c in found] == [SAID] * 3
    assert [c.source for c in found] == ["all.zip/a.jsonl", "all.zip/b.txt", "all.zip/c.csv"]
    assert not dropped


def test_names_that_point_outside_and_links_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.txt")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("../evil.jsonl", "/etc/evil.jsonl", "..\\evil.jsonl", "C:\\evil.jsonl"):
            archive.writestr(name, json.dumps(chat()))
        archive.writestr(link, "/etc/passwd")
        archive.writestr("good.jsonl", json.dumps(chat()))
    found, dropped = read(path)
    assert len(found) == 1
    assert [d.kind for d in dropped] == ["refused"] * 5
    assert not list(tmp_path.parent.glob("evil*"))


def test_a_bomb_is_refused_before_anything_is_unpacked(tmp_path: Path) -> None:
    path = packed(tmp_path / "bomb.zip", {"a.jsonl": b"0" * 20_000_000})
    with pytest.raises(TranscriptError, match="ZIP bomb"):
        read(path)
    sheet = packed(tmp_path / "bomb.xlsx", {"xl/workbook.xml": b" " * 20_000_000})
    assert detect_format(sheet) == "xlsx"
    with pytest.raises(TranscriptError, match="ZIP bomb"):
        read(sheet)


def test_too_many_or_too_large_files_are_refused(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", {f"{i}.txt": "x" for i in range(5)})
    with pytest.raises(TranscriptError, match="5 files"):
        read(path, ReadOptions(limits=Limits(max_archive_files=4)))
    with pytest.raises(TranscriptError, match="would unpack"):
        read(path, ReadOptions(limits=Limits(max_archive_bytes=4)))


def test_a_zip_in_a_zip_is_not_unpacked(tmp_path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("a.jsonl", json.dumps(chat()))
    found, dropped = read(packed(tmp_path / "a.zip", {"inner.zip": inner.getvalue()}))
    assert not found
    assert [d.kind for d in dropped] == ["refused"]


def test_a_bad_file_in_a_zip_fails_alone(tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {
        "a.csv": "x,y\n1,2\n",
        "b.pdf": b"%PDF-1.7 x",
        "c.txt": "",
        "d.jsonl": json.dumps(chat()),
    }
    found, dropped = read(packed(tmp_path / "a.zip", files))
    assert len(found) == 1
    assert [d.source for d in dropped] == ["a.zip/a.csv", "a.zip/b.pdf", "a.zip/c.txt"]
    assert {d.kind for d in dropped} == {"file"}


def test_a_damaged_zip_says_so(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", {"a.jsonl": json.dumps(chat())})
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(TranscriptError, match="damaged ZIP"):
        read(path)


@pytest.mark.parametrize(
    "start", [b"%PDF-1.7\n", b"\x89PNG\r\n\x1a\n", b"<!DOCTYPE html><html>", b"\x7fELF\x02\x01\x01"]
)
def test_files_that_are_no_transcripts_are_named_for_what_they_are(tmp_path: Path, start: bytes) -> None:
    path = tmp_path / "a.jsonl.txt"
    path.write_bytes(start + b"\0" * 500 if not start.startswith(b"<") else start)
    with pytest.raises(TranscriptError):
        read(path)


@pytest.mark.parametrize(
    ("name", "is_kept"),
    [
        ("chats-2024-05-01.csv", True),
        ("export_20240501.jsonl", True),
        ("march 3.txt", True),
        ("anna.ay@home.example.mbox", False),
        ("+49 30 123456.wav", False),
        ("order-4711-0815-99.txt", False),
        ("support_export_agents.csv", True),
        ("philippa-crane_chat.txt", False),
        ("chat with Philippa Crane.txt", False),
    ],
)
def test_file_names_with_addresses_or_numbers_are_not_shown(name: str, is_kept: bool) -> None:
    label = safe_label(name)
    assert (label == name) == is_kept
    assert is_kept or (label.startswith("file-") and label.endswith(Path(name).suffix[:6]))


def test_neither_report_nor_log_nor_output_shows_the_person_in_a_file_name(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    names = ("chat with Philippa Crane.jsonl", "philippa-crane_2.jsonl", "philippa.crane@mail.example.jsonl")
    for number, name in enumerate(names):
        (tmp_path / name).write_text(json.dumps(chat(str(number), f"Question {number}", "Yes")) + "\n{\n")
    archive = packed(tmp_path / "Philippa Crane.zip", {names[0]: json.dumps(chat("9", "Another", "Thing"))})
    told: list[str] = []
    out = tmp_path / "out.jsonl"
    files = [*(tmp_path / name for name in names), archive]
    report = import_transcripts(files, out, progress=lambda label, _: told.append(label))
    assert report.conversations == 4
    assert report.dropped
    shown = json.dumps(report.as_record()) + out.read_text() + "".join(told) + caplog.text
    shown += (tmp_path / "out.jsonl.report.json").read_text()
    assert "crane" not in shown.lower()


def test_reports_show_the_label_that_the_caller_makes(tmp_path: Path) -> None:
    path = tmp_path / "anna@home.example.jsonl"
    path.write_text(json.dumps(chat()) + "\n{\n")
    found, dropped = read(path)
    assert "anna" not in found[0].source + dropped[0].source
    found, _ = read(path, ReadOptions(label=lambda _: "upload 1"))
    assert found[0].source == "upload 1"
