"""CSV and XLSX: columns and their mapping, broken rows, formulas, encodings."""

import csv
import io
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.transcripts import (
    ColumnMapping,
    Limits,
    ReadOptions,
    TranscriptError,
    neutralised,
    preview,
    suggest_mapping,
)
from finetune.transcripts.csv_rows import csv_rows
from finetune.transcripts.values import Source
from tests.finetune.transcripts_files import ANSWERED, ASKED, SAID, read, said

HEADER = "conversation_id,role,text\n"
ROWS = f"a,customer,{ASKED}\na,agent,{ANSWERED}\n"


def table(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def sheet(path: Path, *rows: list[Any]) -> Path:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    for row in rows:
        page.append(row)
    book.save(path)
    return path


@pytest.mark.parametrize(
    "text",
    [
        HEADER + ROWS,
        (HEADER + ROWS).replace(",", ";"),
        (HEADER + ROWS).replace(",", "\t"),
        (HEADER + ROWS).replace("\n", "\r\n"),
        (HEADER + ROWS).replace("\n", "\r"),
        f"Question,Answer\n{ASKED},{ANSWERED}\n",
        f'id,transcript\n1,"Customer: {ASKED}\nAgent: {ANSWERED}"\n',
        f"ticket id,inbound,message\n1,True,{ASKED}\n1,False,{ANSWERED}\n",
        f"text,is_agent,chatId\n{ASKED},0,7\n{ANSWERED},1,7\n",
        f"会话编号,角色,内容\n1,客户,{ASKED}\n1,客服小王,{ANSWERED}\n",
    ],
)
def test_tables_of_all_kinds_give_the_same_turns(tmp_path: Path, text: str) -> None:
    found, dropped = read(table(tmp_path / "a.csv", text))
    assert [said(c) for c in found] == [SAID]
    assert not dropped


def test_rows_of_a_conversation_may_lie_apart_and_are_ordered_by_time(tmp_path: Path) -> None:
    text = (
        "id,ticket_id,role,text,created_at\n"
        f"1,a,agent,{ANSWERED},2024-01-01T10:05:00Z\n"
        "2,b,user,Hi,2024-01-01T10:01:00Z\n"
        "3,b,agent,Hello,2024-01-01T10:02:00Z\n"
        f"4,a,end-user,{ASKED},2024-01-01T10:00:00Z\n"
    )
    found, _ = read(table(tmp_path / "a.csv", text))
    assert [c.id for c in found] == ["a", "b"]
    assert said(found[0]) == SAID
    assert found[0].started_at == "2024-01-01T10:00:00+00:00"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_unicode_encodings_are_recognised(tmp_path: Path, encoding: str) -> None:
    text = HEADER + "a,customer,Wo ist 我的 Päckchen?\na,agent,Morgen früh.\n"
    found, _ = read(table(tmp_path / "a.csv", text, encoding))
    assert said(found[0]) == [("customer", "Wo ist 我的 Päckchen?"), ("agent", "Morgen früh.")]


def test_latin_1_is_recognised(tmp_path: Path) -> None:
    found, _ = read(
        table(
            tmp_path / "a.csv",
            HEADER + "a,customer,Où est mon colis à Besançon ?\na,agent,Il arrive.\n",
            "latin-1",
        )
    )
    assert found[0].turns[0].text == "Où est mon colis à Besançon ?"


def test_gb18030_is_recognised(tmp_path: Path) -> None:
    text = HEADER + "a,客户,请问我的包裹什么时候可以送到？\na,客服,您好，预计明天上午送达。\n"
    found, _ = read(table(tmp_path / "a.csv", text, "gb18030"))
    assert [t.text for t in found[0].turns] == ["请问我的包裹什么时候可以送到？", "您好，预计明天上午送达。"]


def test_an_encoding_can_be_given(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", HEADER + "a,customer,Где мой заказ?\na,agent,Завтра.\n", "cp1251")
    assert read(path, ReadOptions(encoding="cp1251"))[0][0].turns[1].text == "Завтра."
    with pytest.raises(TranscriptError, match="no known encoding"):
        read(path, ReadOptions(encoding="klingon"))


def test_a_damaged_byte_does_not_change_the_encoding(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(
        (HEADER + "a,customer,Schöne Grüße aus Köln für Ärzte\na,agent,Danke").encode() + b"\xff\n"
    )
    found, _ = read(path)
    assert [t.text for t in found[0].turns] == ["Schöne Grüße aus Köln für Ärzte", "Danke\ufffd"]


def test_quotation_marks_are_read_as_spreadsheets_write_them(tmp_path: Path) -> None:
    text = HEADER + 'a,customer,"He said ""no"", then\nhung up, twice"\na,agent,Sorry\n'
    found, dropped = read(table(tmp_path / "a.csv", text))
    assert found[0].turns[0].text == 'He said "no", then\nhung up, twice'
    assert not dropped


def test_nested_quotes_that_were_not_doubled_are_repaired(tmp_path: Path) -> None:
    text = HEADER + 'a,customer,"The button "Save" is grey"\na,agent,Press "Edit" first\n'
    found, dropped = read(table(tmp_path / "a.csv", text))
    assert said(found[0]) == [("customer", 'The button "Save" is grey'), ("agent", 'Press "Edit" first')]
    assert not dropped


def test_a_missing_quotation_mark_spoils_one_row_only(tmp_path: Path) -> None:
    text = HEADER + 'x,customer,"never closed\n' + ROWS + "b,customer,Hi\nb,agent,Hello\n"
    found, dropped = read(table(tmp_path / "a.csv", text))
    assert [c.id for c in found] == ["a", "b"]
    assert [(d.line, d.kind) for d in dropped] == [(2, "bad_row")]


def test_rows_with_too_many_values_or_without_text_are_reported(tmp_path: Path) -> None:
    text = HEADER + "a,customer,one,two\n" + ROWS + "a,agent,\n,agent,Lost\n\n"
    found, dropped = read(table(tmp_path / "a.csv", text))
    assert [said(c) for c in found] == [SAID]
    assert [(d.line, d.kind) for d in dropped] == [(2, "bad_row"), (5, "empty"), (6, "no_id")]


def test_missing_roles_drop_the_conversation_and_no_other(tmp_path: Path) -> None:
    text = HEADER + ROWS + "b,customer,Hi\nb,,Hello\nc,agent,Hi\nd,customer,Hi\n"
    found, dropped = read(table(tmp_path / "a.csv", text))
    assert [c.id for c in found] == ["a"]
    assert [(d.line, d.kind) for d in dropped] == [(4, "no_role"), (6, "no_customer"), (7, "no_agent")]


def test_a_giant_line_is_skipped(tmp_path: Path) -> None:
    text = HEADER + f"x,customer,{'y' * 9_000}\n" + ROWS
    found, dropped = read(table(tmp_path / "a.csv", text), ReadOptions(limits=Limits(max_item_chars=1_000)))
    assert [said(c) for c in found] == [SAID]
    assert [(d.line, d.kind) for d in dropped] == [(2, "too_long")]


def test_columns_that_say_nothing_are_listed_with_what_to_do(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", "Spalte 1,Spalte 2,Spalte 3\na,K,Hallo\na,S,Guten Tag\n")
    with pytest.raises(TranscriptError, match="'Spalte 1', 'Spalte 2', 'Spalte 3'") as caught:
        read(path)
    assert "`text` and `role`" in caught.value.hint
    mapping = ColumnMapping(text="Spalte 3", role="Spalte 2", conversation_id="Spalte 1")
    found, _ = read(path, ReadOptions(roles={"k": "customer", "s": "agent"}), mapping=mapping)
    assert said(found[0]) == [("customer", "Hallo"), ("agent", "Guten Tag")]


def test_a_mapping_to_columns_that_are_not_there_is_refused(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", HEADER + ROWS)
    with pytest.raises(TranscriptError, match="no column 'Body'"):
        read(path, mapping=ColumnMapping(text="Body", role="role"))


def test_mappings_are_suggested_from_names_in_any_spelling() -> None:
    mapping = suggest_mapping(["Ticket ID", "Author Type", "Message Body", "Created At", "CSAT"])
    assert mapping == ColumnMapping(
        conversation_id="Ticket ID", role="Author Type", text="Message Body", at="Created At", rating="CSAT"
    )
    assert (
        suggest_mapping(["author", "author_type", "message"]).role == "author_type"
    )  # the other holds names
    assert not suggest_mapping(["foo", "bar"]).is_usable


def test_ratings_reach_the_agents_turns(tmp_path: Path) -> None:
    text = f"question,answer,stars\n{ASKED},{ANSWERED},1\n{ASKED},Soon.,5\nWhen?,Now.,3\n"
    found, _ = read(table(tmp_path / "a.csv", text))
    assert [c.turns[1].rating for c in found] == [-1, 1, 0]


def test_formulas_stay_texts(tmp_path: Path) -> None:
    formula = '=HYPERLINK("http://x.example","click")'
    path = sheet(
        tmp_path / "a.xlsx", ["id", "role", "text"], ["a", "customer", formula], ["a", "agent", "=1+1"]
    )
    found, _ = read(path)
    assert [t.text for t in found[0].turns] == [formula, "=1+1"]
    text = "id,ticket,role,text\n1,a,customer,\"=cmd|' /C calc'!A0\"\n2,a,agent,@SUM(1)\n"
    found, _ = read(table(tmp_path / "a.csv", text))
    assert [t.text for t in found[0].turns] == ["=cmd|' /C calc'!A0", "@SUM(1)"]


@pytest.mark.parametrize("cell", ["=1+1", "+49", "-1", "@x", "\t=1", " =1"])
def test_exported_formulas_are_neutralised(cell: str) -> None:
    assert neutralised(cell) == f"'{cell}"
    assert neutralised("Order 1=2") == "Order 1=2"


def test_spreadsheets_are_read_from_the_sheet_that_fits(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    cover = book.active
    assert cover is not None
    cover.append(["Export of March"])
    page = book.create_sheet("Messages")
    for row in (
        ["Ticket", "Role", "Text", "Rating"],
        [17.0, "user", ASKED, None],
        [17, "agent", ANSWERED, 1],
    ):
        page.append(row)
    book.save(tmp_path / "a.xlsx")
    found, _ = read(tmp_path / "a.xlsx")
    assert found[0].id == "17"
    assert said(found[0]) == SAID
    assert found[0].turns[1].rating == 1


def test_a_spreadsheet_without_usable_columns_lists_them(tmp_path: Path) -> None:
    with pytest.raises(TranscriptError, match="'A', 'B'"):
        read(sheet(tmp_path / "a.xlsx", ["A", "B"], ["x", "y"]))


def test_a_damaged_spreadsheet_says_so(tmp_path: Path) -> None:
    path = sheet(tmp_path / "a.xlsx", ["text", "role"])
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(TranscriptError, match="damaged"):
        read(path)


def test_a_preview_shows_columns_mapping_and_first_conversations(tmp_path: Path) -> None:
    rows = "".join(f"{i},customer,Question {i}\n{i},agent,Yes\n" for i in range(1000))
    shown = preview(table(tmp_path / "a.csv", HEADER + rows))
    assert shown.columns == ("conversation_id", "role", "text")
    assert shown.mapping == {"text": "text", "role": "role", "conversation_id": "conversation_id"}
    assert [c.id for c in shown.conversations] == ["0", "1", "2", "3", "4"]
    bad = preview(table(tmp_path / "b.csv", "x,y\n1,2\n"))
    assert "'x', 'y'" in bad.problem


CELLS = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from('\n",;'), max_size=20)


@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=6))
def test_whatever_is_written_as_csv_is_read_back(rows: list[list[str]]) -> None:
    file = io.StringIO(newline="")
    csv.writer(file).writerows([["a", "b", "c"], *rows])
    source = Source(Path("a"), "a", ReadOptions())
    read_back = [values for _, values in csv_rows(io.StringIO(file.getvalue(), newline=""), source)]  # type: ignore[misc]
    assert read_back[1:] == [row for row in rows if any(cell.strip() for cell in row)]


@given(st.text(max_size=200))
def test_any_text_is_read_as_csv_to_its_end(text: str) -> None:
    source = Source(Path("a"), "a", ReadOptions())
    lines = text.count("\n") + text.count("\r") + 2
    rows = list(csv_rows(io.StringIO("a,b\n" + text, newline=""), source))
    assert len(rows) <= lines
