"""Redaction of training data: nothing personal gets through, nothing else changes, a kill costs nothing."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.errors import StorageError
from chatbot.privacy import PiiType, PrivacyRules, Redactor, pattern_redactor
from chatbot.settings import Settings
from finetune.conversations import SupportConversation, Turn
from finetune.errors import RedactionError
from finetune.pseudonyms import load_salt, masked_file_name, masked_id, pseudonym
from finetune.redact import (
    RedactedConversation,
    Redaction,
    load_redacted,
    redact_file,
    redaction_from_settings,
    review_sample,
)
from finetune.redaction_report import load_redaction_report, redaction_report_path
from finetune.transcripts import dump_conversation

ROOT = Path(__file__).resolve().parents[2]
SALT = b"s" * 32
REDACTION = Redaction(pattern_redactor(), SALT)


def conversation(number: int = 0, *texts: str) -> SupportConversation:
    said = texts or (
        f"Hello, my name is Oona Kirkby, order WF-{20251000 + number}.",
        "Thank you! WR-101 means that there is no signal.",
    )
    turns = tuple(Turn("agent" if i % 2 else "customer", text) for i, text in enumerate(said))
    return SupportConversation(
        f"c{number}", turns, "oona@mail.example", "export_oona.csv", "2025-11-03T08:00:00"
    )


def written(path: Path, conversations: Sequence[SupportConversation]) -> Path:
    path.write_text("".join(f"{dump_conversation(c)}\n" for c in conversations), encoding="utf-8")
    return path


def test_only_redaction_makes_redacted_conversations() -> None:
    with pytest.raises(TypeError):
        RedactedConversation(conversation(), seal=object())
    with pytest.raises(TypeError):
        RedactedConversation(conversation())  # type: ignore[call-arg]
    (made,) = REDACTION.redact([conversation()])
    assert isinstance(made, RedactedConversation)


def test_texts_customer_and_file_name_are_redacted_and_the_rest_stays() -> None:
    rated = SupportConversation(
        "c1",
        (Turn("customer", "I am Oona Kirkby", "2025-11-03T08:00:00"), Turn("agent", "See WR-101.", "", -1)),
        "Oona@Mail.example",
        "oona-kirkby.csv",
        "2025-11-03T08:00:00",
    )
    (made,) = REDACTION.redact([rated])
    assert made.conversation == SupportConversation(
        "c1",
        (Turn("customer", "I am <PERSON>", "2025-11-03T08:00:00"), Turn("agent", "See WR-101.", "", -1)),
        pseudonym("oona@mail.example", SALT),
        "<PERSON>.csv",
        "2025-11-03T08:00:00",
    )


def test_the_same_customer_has_the_same_hash_only_under_the_same_salt() -> None:
    assert pseudonym("C-17", SALT) == pseudonym(" c-17 ", SALT)
    assert pseudonym("C-17", SALT) != pseudonym("C-18", SALT)
    assert pseudonym("C-17", SALT) != pseudonym("C-17", b"t" * 32)
    assert pseudonym(pseudonym("C-17", SALT), SALT) == pseudonym("C-17", SALT)
    assert pseudonym("", SALT) == ""


def test_ids_that_say_something_become_hashes() -> None:
    redactor = pattern_redactor()
    assert masked_id("conv-0001", redactor, SALT) == "conv-0001"
    assert masked_id("T-104233", redactor, SALT) == pseudonym("T-104233", SALT)
    assert "oona" not in masked_id("oona@mail.example", redactor, SALT)


def test_the_salt_stays_and_is_the_owners_alone(tmp_path: Path) -> None:
    salt = load_salt(tmp_path / "data")
    assert load_salt(tmp_path / "data") == salt != load_salt(tmp_path / "other")
    assert (tmp_path / "data" / "redaction.salt").stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path / "data") == ["redaction.salt"]


def test_a_damaged_salt_is_refused_and_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "redaction.salt").write_bytes(b"short")
    with pytest.raises(StorageError):
        load_salt(tmp_path)
    assert (tmp_path / "redaction.salt").read_bytes() == b"short"


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("conversations.jsonl", "conversations.jsonl"),
        ("support_export-2025-11-03.csv", "support_export-2025-11-03.csv"),
        ("export-20251103.json", "export-20251103.json"),
        ("zendesk", "zendesk"),
        ("philippa-crane_chat.txt", "<PERSON> Chat.txt"),
        ("chat with Philippa Crane.txt", "Chat With <PERSON>.txt"),
        ("mail_philippa.crane@mail.example.mbox", "Mail <EMAIL>.mbox"),
        ("order_WF-20251103.csv", "Order <ORDER_ID>.csv"),
        ("call 447700900318.wav", "Call <PHONE>.wav"),
        ("rec 447700900318.wav", "Rec <PRIVATE>.wav"),
        ("", ""),
    ],
)
def test_file_names_lose_what_points_to_a_person(name: str, masked: str) -> None:
    assert masked_file_name(name, pattern_redactor()) == masked


@given(st.text(max_size=40))
def test_any_file_name_can_be_masked(name: str) -> None:
    assert isinstance(masked_file_name(name, pattern_redactor()), str)


@given(st.lists(st.lists(st.text(max_size=60), min_size=1, max_size=4), max_size=4))
def test_turns_stay_turns(texts: list[list[str]]) -> None:
    given_ = [conversation(i, *t) for i, t in enumerate(texts)]
    made = [r.conversation for r in REDACTION.redact(given_)]
    assert [[(t.role, t.at, t.rating) for t in c.turns] for c in made] == [
        [(t.role, t.at, t.rating) for t in c.turns] for c in given_
    ]


def test_a_file_is_redacted_with_a_report_that_holds_no_personal_data(tmp_path: Path) -> None:
    source = written(
        tmp_path / "in.jsonl", [conversation(i) for i in range(50)] + [conversation(50, "ok", "fine")]
    )
    out = tmp_path / "out.jsonl"
    seen: list[int] = []
    report = redact_file(source, out, REDACTION, seen.append)
    assert (report.conversations, report.turns, report.affected) == (51, 102, 50)
    assert dict(report.masked) == {"ORDER_ID": 50, "PERSON": 50}
    assert seen[-1] == 51
    assert load_redaction_report(out) == report
    for path in (out, redaction_report_path(out)):
        text = path.read_text(encoding="utf-8")
        assert not [word for word in ("Oona", "oona", "Kirkby", "WF-2025", "mail.example") if word in text]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl", "out.jsonl.report.json"]
    assert len(list(load_redacted(out))) == 51


def test_it_is_redacted_again_only_when_something_changed(tmp_path: Path) -> None:
    source, out = written(tmp_path / "in.jsonl", [conversation()]), tmp_path / "out.jsonl"
    first = redact_file(source, out, REDACTION)
    before = out.stat().st_mtime_ns
    assert redact_file(source, out, REDACTION) == first
    assert out.stat().st_mtime_ns == before
    rules = PrivacyRules(denied={"signal": PiiType.PRIVATE})
    changed = redact_file(source, out, Redaction(pattern_redactor(rules), SALT))
    assert changed.masked["PRIVATE"] == 1
    assert redact_file(source, out, Redaction(pattern_redactor(rules), b"t" * 32)).sha256 != changed.sha256


def test_a_changed_or_never_redacted_file_is_refused(tmp_path: Path) -> None:
    source, out = written(tmp_path / "in.jsonl", [conversation()]), tmp_path / "out.jsonl"
    with pytest.raises(RedactionError):
        next(load_redacted(source))
    redact_file(source, out, REDACTION)
    with out.open("a", encoding="utf-8") as file:
        file.write(dump_conversation(conversation()) + "\n")
    with pytest.raises(RedactionError):
        next(load_redacted(out))


@pytest.mark.parametrize("content", ["{}\n", "not json\n", "[]\n", '{"conversation_id": 1}\n'])
def test_a_wrong_line_is_named_and_nothing_is_written(tmp_path: Path, content: str) -> None:
    source = written(tmp_path / "in.jsonl", [conversation()])
    with source.open("a", encoding="utf-8") as file:
        file.write(content)
    with pytest.raises(RedactionError, match="line 2"):
        redact_file(source, tmp_path / "out.jsonl", REDACTION)
    assert not (tmp_path / "out.jsonl").exists()


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(RedactionError, match=r"absent\.jsonl"):
        redact_file(tmp_path / "absent.jsonl", tmp_path / "out.jsonl", REDACTION)


def test_an_empty_file_gives_an_empty_one(tmp_path: Path) -> None:
    report = redact_file(written(tmp_path / "in.jsonl", []), tmp_path / "out.jsonl", REDACTION)
    assert (report.conversations, dict(report.masked), report.sample) == (0, {}, ())
    assert list(load_redacted(tmp_path / "out.jsonl")) == []


def test_a_reviewer_sees_a_sample_and_adds_terms(tmp_path: Path) -> None:
    source = written(
        tmp_path / "in.jsonl", [conversation(i, f"ask Heron about {i}", "I will") for i in range(60)]
    )
    out, terms = tmp_path / "out.jsonl", tmp_path / "terms.json"
    settings = Settings(data_dir=tmp_path / "data")
    report = redact_file(source, out, Redaction(pattern_redactor(), load_salt(settings.data_dir)))
    assert len(report.sample) == 20
    assert report.sample == redact_file(source, tmp_path / "again.jsonl", REDACTION).sample
    reviewed = list(review_sample(source, REDACTION, report))
    assert [r.before.turns[0].text for r in reviewed] == [f"ask Heron about {i}" for i in report.sample]
    assert all("Heron" in r.after.turns[0].text for r in reviewed)
    terms.write_text(json.dumps([{"term": "heron", "type": "PERSON"}]), encoding="utf-8")
    rules = redaction_from_settings(settings, terms)
    assert rules.has_model
    assert rules.fingerprint != redaction_from_settings(settings).fingerprint
    masked = Redaction(pattern_redactor(PrivacyRules(denied={"heron": PiiType.PERSON})), SALT)
    assert redact_file(source, out, masked).masked == {"PERSON": 60}


class _StoppedError(Exception):
    """Stands for a kill."""


class _StopsAfter(Redactor):
    """A redactor that dies after so many batches."""

    def __init__(self, batches: int) -> None:
        super().__init__()
        self._left = batches

    def mask_conversations(self, conversations, language=""):  # type: ignore[no-untyped-def]
        self._left -= 1
        if self._left < 0:
            raise _StoppedError
        return super().mask_conversations(conversations, language)


@pytest.mark.parametrize("batches", [0, 1, 7, 8, 9, 17, 20])
def test_what_was_done_before_a_stop_is_not_done_again(tmp_path: Path, batches: int) -> None:
    source = written(tmp_path / "in.jsonl", [conversation(i) for i in range(640)])
    whole = redact_file(source, tmp_path / "whole.jsonl", REDACTION)
    out = tmp_path / "out.jsonl"
    with suppress(_StoppedError):
        redact_file(source, out, Redaction(_StopsAfter(batches), SALT))
    assert out.exists() == (batches >= 20)
    done: list[int] = []
    report = redact_file(source, out, REDACTION, done.append)
    assert (report.sha256, report.masked, report.sample) == (whole.sha256, whole.masked, whole.sample)
    assert out.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert (done[0] if done else 640) == min(640, (batches // 8) * 256 + 32 if batches < 20 else 640)
    assert not list(tmp_path.glob("out.jsonl.partial*"))


def test_a_torn_partial_is_begun_again(tmp_path: Path) -> None:
    source, out = (
        written(tmp_path / "in.jsonl", [conversation(i) for i in range(300)]),
        tmp_path / "out.jsonl",
    )
    with pytest.raises(_StoppedError):
        redact_file(source, out, Redaction(_StopsAfter(9), SALT))
    (tmp_path / "out.jsonl.partial").write_bytes(b"half a li")
    report = redact_file(source, out, REDACTION)
    assert report.conversations == 300
    assert [json.loads(line)["conversation_id"] for line in out.open(encoding="utf-8")] == [
        f"c{i}" for i in range(300)
    ]


def test_killed_at_any_moment_it_ends_in_the_same_bytes(tmp_path: Path) -> None:
    source = written(tmp_path / "in.jsonl", [conversation(i) for i in range(1500)])
    out, whole = tmp_path / "out.jsonl", tmp_path / "whole.jsonl"
    redact_file(source, whole, REDACTION)
    code = (
        "import sys; from pathlib import Path; from chatbot.privacy import pattern_redactor\n"
        "from finetune.redact import Redaction, redact_file\n"
        "redact_file(Path(sys.argv[1]), Path(sys.argv[2]), Redaction(pattern_redactor(), b's' * 32), "
        "lambda n: print(n, flush=True))"
    )
    killed = Counter[bool]()
    for lines in (2, 12, 30):
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(source), str(out)],
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert process.stdout
        for _ in range(lines):
            process.stdout.readline()
        time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.stdout.close()
        killed[process.wait() == -signal.SIGKILL] += 1
    assert killed[True]
    redact_file(source, out, REDACTION)
    assert out.read_bytes() == whole.read_bytes()


@pytest.mark.models
def test_the_example_companys_transcripts_keep_codes_and_prices_and_lose_people(tmp_path: Path) -> None:
    from chatbot.settings import load_settings
    from finetune.transcripts import import_transcripts

    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    import_transcripts([ROOT / "examples" / "transcripts" / "conversations.jsonl"], source)
    lines = source.read_text(encoding="utf-8").splitlines(keepends=True)[:60]
    source.write_text("".join(lines), encoding="utf-8")
    real = Settings(data_dir=tmp_path / "data", models_dir=load_settings().models_path)
    report = redact_file(source, out, redaction_from_settings(real))
    before, after = source.read_text(encoding="utf-8"), out.read_text(encoding="utf-8")
    assert report.masked["PERSON"] >= 20
    for kept in ("WR-101", "Wren One", "Wren Pro", "€"):
        assert after.count(kept) == before.count(kept)
    for gone in (r"WF-\d{8}", "Philippa Crane", r"@mail\.example", r"\bT-\d{6}"):
        assert re.search(gone, before)
        assert not re.search(gone, after)
