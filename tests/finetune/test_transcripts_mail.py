"""E-mail archives: threads, who is the company, and what the authors wrote themselves."""

from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.transcripts import Limits, ReadOptions, TranscriptError, detect_format
from finetune.transcripts.mail_text import own_words
from tests.finetune.transcripts_files import ANSWERED, ASKED, SAID, read, said

ANNA, SHOP = "anna@home.example", "help@shop.example"
OPTIONS = ReadOptions(company_domains=("shop.example",))


def mail(sender: str, to: str, body: str, **headers: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = f"Somebody <{sender}>", to
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(body)
    return message


def mbox(path: Path, *mails: EmailMessage | bytes) -> Path:
    raw = [m if isinstance(m, bytes) else m.as_bytes() for m in mails]
    path.write_bytes(b"".join(b"From x@y Thu Jan  1 00:00:00 2024\n" + m + b"\n\n" for m in raw))
    return path


QUESTION = mail(ANNA, SHOP, f"{ASKED}\n\n-- \nAnna Ay\n+49 30 123456", Message_ID="<1@home>", Subject="Parcel",
                Date="Wed, 01 May 2024 09:00:00 +0000")  # fmt: skip
REPLY = mail(SHOP, ANNA, f"{ANSWERED}\n\nOn Wed, 1 May 2024 at 09:00, Anna <{ANNA}> wrote:\n> {ASKED}\n",
             Message_ID="<2@shop>", In_Reply_To="<1@home>", References="<1@home>", Subject="Re: Parcel",
             Date="Wed, 01 May 2024 09:30:00 +0000")  # fmt: skip


def test_a_thread_is_a_conversation_of_customer_and_company(tmp_path: Path) -> None:
    other = mail("bob@home.example", SHOP, "Other thing", Message_ID="<9@home>", Subject="Hi")
    path = mbox(tmp_path / "a.mbox", REPLY, other, QUESTION)
    found, dropped = read(path, OPTIONS)
    assert detect_format(path) == "mbox"
    assert [said(c) for c in found] == [SAID]
    assert found[0].customer == ANNA
    assert found[0].started_at == "2024-05-01T09:00:00+00:00"
    assert [d.kind for d in dropped] == ["no_agent"]


def test_a_late_reference_joins_two_threads(tmp_path: Path) -> None:
    late = mail(ANNA, SHOP, "Thanks!", Message_ID="<3@home>", References="<1@home> <2@shop>", Subject="x",
                Date="Wed, 01 May 2024 10:00:00 +0000")  # fmt: skip
    lonely = mail(
        SHOP,
        ANNA,
        ANSWERED,
        Message_ID="<2@shop>",
        Subject="Your request",
        Date="Wed, 01 May 2024 09:30:00 +0000",
    )
    found, _ = read(mbox(tmp_path / "a.mbox", QUESTION, lonely, late), OPTIONS)
    assert [said(c) for c in found] == [[*SAID, ("customer", "Thanks!")]]


def test_replies_without_references_are_found_by_subject_and_customer(tmp_path: Path) -> None:
    first = mail(ANNA, SHOP, ASKED, Subject="Parcel", Message_ID="<1@a>")
    reply = mail(SHOP, ANNA, ANSWERED, Subject="AW: Parcel", Message_ID="<2@b>")
    stranger = mail("bob@home.example", SHOP, "Mine too", Subject="Parcel", Message_ID="<3@c>")
    found, dropped = read(mbox(tmp_path / "a.mbox", first, stranger, reply), OPTIONS)
    assert [said(c) for c in found] == [SAID]
    assert [d.kind for d in dropped] == ["no_agent"]


def test_without_the_companys_domain_nothing_is_guessed(tmp_path: Path) -> None:
    with pytest.raises(TranscriptError, match=r"shop\.example") as caught:
        read(mbox(tmp_path / "a.mbox", QUESTION, REPLY))
    assert "company_domains" in caught.value.hint


def test_subdomains_belong_to_the_company_and_lookalikes_do_not(tmp_path: Path) -> None:
    inner = mail("a@mail.shop.example", ANNA, ANSWERED, In_Reply_To="<1@home>", Message_ID="<5@x>")
    fake = mail("a@notshop.example", SHOP, "Me", In_Reply_To="<1@home>", Message_ID="<6@x>")
    found, _ = read(mbox(tmp_path / "a.mbox", QUESTION, inner, fake), OPTIONS)
    assert [t.role for t in found[0].turns] == ["customer", "agent", "customer"]


def test_automatic_replies_are_counted_and_left_out(tmp_path: Path) -> None:
    away = mail(ANNA, SHOP, "I am away", In_Reply_To="<2@shop>", Auto_Submitted="auto-replied")
    found, dropped = read(mbox(tmp_path / "a.mbox", QUESTION, REPLY, away), OPTIONS)
    assert [said(c) for c in found] == [SAID]
    assert [(d.kind, d.count) for d in dropped] == [("automatic", 1)]


def test_a_giant_mail_and_a_broken_one_are_reported(tmp_path: Path) -> None:
    giant = mail(ANNA, SHOP, "word " * 9000, Message_ID="<7@x>")
    path = mbox(tmp_path / "a.mbox", giant, b"\x00\xff\xfe garbage", QUESTION, REPLY)
    found, dropped = read(
        path, ReadOptions(company_domains=("shop.example",), limits=Limits(max_item_chars=8000))
    )
    assert [said(c) for c in found] == [SAID]
    assert [d.kind for d in dropped] == ["too_long", "damaged"]
    assert dropped[0].line == 1
    assert dropped[1].line > 10


def test_html_mail_in_another_encoding_is_read(tmp_path: Path) -> None:
    message = mail(ANNA, SHOP, "", Message_ID="<1@home>")
    message.set_content(
        "<p>Où est mon <b>colis</b> ?</p><blockquote>old</blockquote>", subtype="html", charset="iso-8859-1"
    )
    found, _ = read(mbox(tmp_path / "a.mbox", message, REPLY), OPTIONS)
    assert found[0].turns[0].text == "Où est mon colis ?"


def test_a_single_mail_is_recognised(tmp_path: Path) -> None:
    path = tmp_path / "a.eml"
    path.write_bytes(QUESTION.as_bytes())
    assert detect_format(path) == "mbox"
    assert read(path, OPTIONS)[1][0].kind == "no_agent"


@pytest.mark.parametrize(
    "tail",
    [
        "\n\nOn Wed, May 1, 2024 at 9:00 AM Anna <anna@home.example> wrote:\n> old\n> older",
        "\n\nOn Wed, May 1, 2024 at 9:00 AM Anna <anna@home.example>\nwrote:\n> old",
        "\n\nAm 01.05.2024 um 09:00 schrieb Anna:\n> alt",
        "\n\nLe mer. 1 mai 2024 à 09:00, Anna a écrit :\n> vieux",
        "\n\n在 2024年5月1日 写道：\n> 旧",
        "\n\n-----Original Message-----\nFrom: Anna\nSent: Wednesday\nold",
        "\n\nFrom: Anna <a@b.example>\nSent: Wednesday, May 1\nTo: Shop\nSubject: x\n\nold",
        "\n\n________________________________\nVon: Anna\nGesendet: heute\nalt",
        "\n-- \nKim\nShop",
        "\n\nBest regards,\nKim\nSupport\n+49 30 1234",
        "\n\nMit freundlichen Grüßen\nKim",
        "\n\nSent from my iPhone",
        "\n\n发自我的 iPhone",
        "\n\nThis e-mail is confidential and intended only for the addressee.",
    ],
)
def test_quotes_signatures_and_notices_are_cut(tail: str) -> None:
    assert own_words(f"{ANSWERED}\nSee you.{tail}") == f"{ANSWERED}\nSee you."


def test_answers_between_quoted_lines_are_kept() -> None:
    body = "On Monday, 1 May 2024 Anna wrote:\n> Is it red?\nYes.\n> Is it big?\nNo.\n"
    assert own_words(body) == "Yes.\nNo."


def test_thanks_in_the_middle_are_no_signature() -> None:
    body = (
        "Thanks,\nthat worked. " + "But now the printer does not print any more and I do not know why. " * 2
    )
    assert own_words(body) == body.strip()


@given(st.text(max_size=300))
def test_own_words_never_grow(body: str) -> None:
    assert len(own_words(body)) <= len(body) + 2 * body.count("<")
