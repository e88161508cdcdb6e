"""Documents over the API: taken in by upload or address, listed, shown, removed, and each change told."""

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from chatbot.api_keys import Scope
from finetune.job_files import JobFolder, JobState
from tests.finetune.web.api.conftest import Bureau, MakeBureau
from tests.knowledge_base.office_files import pdf
from tests.knowledge_base.site_server import serving

DOCUMENTS = "/knowledge/documents"
RETURNS = "# Returns\n\nYou can return a Dot within 45 days of delivery."


def test_uploaded_documents_are_listed_found_shown_and_removed(bureau: Bureau) -> None:
    manual = pdf([["Plug it in."], ["Solid amber means no internet."]], title="Wren manual")
    sent = bureau.asked(
        "POST",
        DOCUMENTS,
        files=[
            ("files", ("C:\\help\\returns.md", RETURNS.encode())),
            ("files", ("manual.pdf", manual)),
            ("files", ("broken.docx", b"words")),
        ],
    )
    assert (sent.status_code, sent.json()["kind"], sent.json()["report"]) == (202, "documents", None)
    job = bureau.ended(f"/knowledge/jobs/{sent.json()['id']}")
    assert (job["state"], job["report"]["added"]) == ("done", 2)
    assert job["report"]["failed"][0]["source"] == "broken.docx"
    assert "is no DOCX file" in job["report"]["failed"][0]["reason"]
    assert job["message"] == "2 added, 0 updated, 0 unchanged, 0 removed, 1 left out."

    listed = bureau.asked("GET", DOCUMENTS).json()
    assert [(one["id"], one["source"], one["origin"]) for one in listed["documents"]] == [
        ("manual", "manual.pdf", "upload"),
        ("returns", "returns.md", "upload"),
    ]
    assert (listed["total"], listed["stats"]["documents"], listed["documents"][0]["pages"]) == (2, 2, 2)
    few = bureau.asked("GET", f"{DOCUMENTS}?words=returns&limit=1").json()
    assert ([one["id"] for one in few["documents"]], few["total"]) == (["returns"], 1)
    assert bureau.asked("GET", f"{DOCUMENTS}?begin=1").json()["documents"][0]["id"] == "returns"
    assert "within 45 days" in bureau.asked("GET", f"{DOCUMENTS}/returns").json()["text"]
    assert bureau.knowledge_base.retrieve("return a Dot within 45 days").chunks[0].chunk.title == "Returns"

    assert bureau.asked("DELETE", f"{DOCUMENTS}/returns").status_code == 204
    assert bureau.asked("GET", f"{DOCUMENTS}/returns").status_code == 404
    assert bureau.asked("DELETE", f"{DOCUMENTS}/returns").status_code == 404
    assert bureau.actions() == [
        ("knowledge-documents-added", job["id"]),
        ("document-removed", "returns"),
    ]
    (taken, *_) = bureau.parts.audit.entries()
    assert taken.actor.startswith("(key ")
    assert taken.details == {"job": job["id"], "count": 3}
    assert list(bureau.parts.changes.uploads.iterdir()) == []  # nothing of the upload stays


def test_a_changed_document_replaces_the_one_before_and_the_same_one_changes_nothing(bureau: Bureau) -> None:
    assert bureau.add("returns.md", RETURNS)["report"]["added"] == 1
    assert bureau.add("returns.md", RETURNS)["report"]["unchanged"] == 1
    assert bureau.add("returns.md", RETURNS.replace("45", "60"))["report"]["updated"] == 1
    assert "60 days" in bureau.asked("GET", f"{DOCUMENTS}/returns").json()["text"]
    listed = bureau.asked("GET", "/knowledge/jobs").json()["jobs"]
    assert [job["report"]["updated"] for job in listed] == [1, 0, 0]


def test_an_archive_is_unpacked_and_an_id_may_have_slashes(bureau: Bureau) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("help/returns.md", RETURNS)
    bureau.asked("POST", DOCUMENTS, files={"files": ("help.zip", file.getvalue())})
    (job,) = bureau.asked("GET", "/knowledge/jobs").json()["jobs"]
    bureau.ended(f"/knowledge/jobs/{job['id']}")
    (found,) = bureau.asked("GET", DOCUMENTS).json()["documents"]
    assert "/" in found["id"]
    assert "45 days" in bureau.asked("GET", f"{DOCUMENTS}/{found['id']}").json()["text"]
    assert bureau.asked("DELETE", f"{DOCUMENTS}/{found['id']}").status_code == 204


def test_a_page_and_a_site_are_taken_in_and_kept_in_step(bureau: Bureau) -> None:
    with serving() as site:
        site.page("/help/", "Start", "returns.html")
        site.page("/help/returns.html", "You can return a Dot within 45 days.")
        one = bureau.asked("POST", DOCUMENTS, json={"url": f"{site.address}/help/returns.html"})
        assert bureau.ended(f"/knowledge/jobs/{one.json()['id']}")["report"]["added"] == 1
        whole = bureau.asked("POST", "/knowledge/sites", json={"url": f"{site.address}/help/"})
        report = bureau.ended(f"/knowledge/jobs/{whole.json()['id']}")["report"]
        assert (whole.json()["kind"], report["added"]) == ("site", 1)
        site.page("/help/", "Start", "new.html")
        site.page("/help/new.html", "A new page.")
        again = bureau.asked("POST", "/knowledge/sites", json={"url": f"{site.address}/help/"})
        assert bureau.ended(f"/knowledge/jobs/{again.json()['id']}")["report"]["added"] == 1
    gone = bureau.asked("POST", DOCUMENTS, json={"url": "http://127.0.0.1:9/none"})
    failed = bureau.ended(f"/knowledge/jobs/{gone.json()['id']}")
    assert (failed["state"], failed["report"]) == ("failed", None)
    assert "127.0.0.1" in failed["error"]


def test_a_folder_of_the_server_is_not_for_whoever_asks_over_the_network(bureau: Bureau) -> None:
    for place in ("/etc/passwd", "file:///etc/passwd", "ftp://help.example.com"):
        for path in (DOCUMENTS, "/knowledge/sites"):
            refused = bureau.asked("POST", path, json={"url": place})
            assert refused.status_code == 422, refused.text
            assert refused.headers["content-type"] == "application/problem+json"
    assert bureau.asked("GET", "/knowledge/jobs").json() == {"jobs": []}


def test_a_reviewed_answer_is_given_from_then_on(bureau: Bureau) -> None:
    body = {
        "question": "Do you ship to Norway?",
        "answer": "Not yet.",
        "phrasings": ["Can I order\nfrom Oslo?"],
    }
    kept = bureau.asked("POST", "/knowledge/answers", json=body)
    assert kept.status_code == 201
    shown = bureau.asked("GET", f"{DOCUMENTS}/{kept.json()['id']}").json()
    assert (shown["kind"], shown["asked_as"]) == ("faq", ["Do you ship to Norway?", "Can I order from Oslo?"])
    assert bureau.knowledge_base.retrieve("Can I order from Oslo?").faq[0].entry.answer == "Not yet."
    assert bureau.asked("POST", "/knowledge/answers", json={**body, "answer": "  "}).status_code == 422
    assert bureau.actions() == [("answer-written", kept.json()["id"])]


def test_a_search_finds_what_a_customer_would_get_or_what_is_asked_for(bureau: Bureau) -> None:
    bureau.add("returns.md", RETURNS)
    front = "---\naudience: internal\nvalid_until: 2020-12-31\n---\n"
    bureau.add("goodwill.md", f"{front}\n# Goodwill\n\nReturn a Dot after 45 days: code 7.")
    bureau.asked("POST", "/knowledge/answers", json={"question": "Return a Dot?", "answer": "In 45 days."})

    def found(query: str = "") -> list[str]:
        answer = bureau.asked("GET", f"/knowledge/search?question=return+a+Dot+45+days{query}")
        assert answer.status_code == 200, answer.text
        assert answer.json()["answers"][0]["answer"] == "In 45 days."
        assert answer.json()["passages"][0]["scores"]["dense"] > 0
        return [one["document_id"] for one in answer.json()["passages"]]

    assert "returns" in found()
    assert "goodwill" not in found()
    assert "goodwill" not in found("&audience=internal")
    assert "goodwill" in found("&audience=internal&on=2020-12-31")
    assert "goodwill" in found("&audience=&any_time=true")
    assert len(found("&limit=1")) == 1
    listed = bureau.asked("GET", f"{DOCUMENTS}/goodwill").json()
    assert (listed["audience"], listed["valid_until"]) == ("internal", "2020-12-31")
    assert bureau.asked("GET", "/knowledge/search?question=x&on=soon").status_code == 422
    assert bureau.asked("GET", "/knowledge/search").status_code == 422


def test_of_near_duplicates_the_best_is_found_and_names_the_other(bureau: Bureau) -> None:
    text = "# Returns\n\nYou can return a Dot within 45 days of its delivery, in its own box."
    bureau.add("page.md", text)
    bureau.add("manual.md", text)
    (found,) = bureau.asked("GET", "/knowledge/search?question=return+a+Dot+45+days").json()["passages"]
    other = {"page": "manual", "manual": "page"}[found["document_id"]]
    assert found["folded"] == [f"{other}#0"]
    assert found["section"] == found["text"]


def test_the_same_key_takes_in_once_and_another_request_with_it_is_refused(bureau: Bureau) -> None:
    headers = {**bureau.key(), "Idempotency-Key": "upload-1"}
    first, again = (
        bureau.asked("POST", DOCUMENTS, headers=headers, files={"files": ("returns.md", RETURNS.encode())})
        for _ in range(2)
    )
    assert first.json()["id"] == again.json()["id"]
    bureau.ended(f"/knowledge/jobs/{first.json()['id']}")
    assert len(bureau.asked("GET", "/knowledge/jobs").json()["jobs"]) == 1
    other = bureau.asked("POST", DOCUMENTS, headers=headers, files={"files": ("returns.md", b"# Other")})
    assert (other.status_code, other.json()["type"].rpartition(":")[2]) == (422, "idempotency-key-reused")
    assert list(bureau.parts.changes.uploads.iterdir()) == []
    somebody_else = {**bureau.key(), "Idempotency-Key": "upload-1"}
    file = {"files": ("returns.md", RETURNS.encode())}
    assert (
        bureau.asked("POST", DOCUMENTS, headers=somebody_else, files=file).json()["id"] != first.json()["id"]
    )


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 422),
        ({"json": {"url": "https://help.example.com", "more": 1}}, 422),
        ({"content": b"words", "headers": {"Content-Type": "text/plain"}}, 415),
        ({"files": {"other": ("a.md", b"words")}}, 422),
        ({"files": {"files": ("..", b"words")}}, 422),
        ({"content": b"x" * 400_000, "headers": {"Content-Type": "application/json"}}, 413),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_reason(
    bureau: Bureau, sent: dict[str, Any], status: int
) -> None:
    headers = {**bureau.key(), **sent.pop("headers", {})}
    refused = bureau.asked("POST", DOCUMENTS, headers=headers, **sent)
    assert refused.status_code == status, refused.text
    assert refused.json()["detail"]
    assert bureau.asked("GET", "/knowledge/jobs").json() == {"jobs": []}


def test_a_job_is_cancelled_before_its_next_document(bureau: Bureau) -> None:
    parts = "".join(
        f"## Part {m}\n\nWords of part {m}.\n\n" for m in range(80)
    )  # long enough to be interrupted
    files = [("files", (f"{n}.md", f"# Page {n}\n\n{parts}".encode())) for n in range(60)]
    begun = bureau.asked("POST", DOCUMENTS, files=files).json()
    told = bureau.asked("POST", f"/knowledge/jobs/{begun['id']}/cancel")
    assert told.status_code == 200
    ended = bureau.ended(f"/knowledge/jobs/{begun['id']}")
    assert ended["state"] == "cancelled"
    assert bureau.asked("GET", DOCUMENTS).json()["total"] < 60
    assert ("knowledge-job-cancelled", begun["id"]) in bureau.actions()
    bureau.asked("POST", f"/knowledge/jobs/{begun['id']}/cancel")
    assert [action for action, _ in bureau.actions()].count("knowledge-job-cancelled") == 1
    assert bureau.asked("POST", "/knowledge/jobs/none/cancel").status_code == 404
    assert bureau.asked("GET", "/knowledge/jobs/..").status_code == 404
    assert bureau.asked("GET", "/knowledge/jobs/%00").status_code == 404


def test_what_a_killed_server_left_undone_is_done_by_the_next_start(make_bureau: MakeBureau) -> None:
    first = make_bureau()
    begun = first.asked("POST", DOCUMENTS, files={"files": ("returns.md", RETURNS.encode())}).json()
    assert first.ended(f"/knowledge/jobs/{begun['id']}")["state"] == "done"
    first.asked("DELETE", f"{DOCUMENTS}/returns")
    job = JobFolder(first.parts.changes.folder / begun["id"])
    (file,) = job.read().arguments["files"]
    Path(file["path"]).parent.mkdir()
    Path(file["path"]).write_text(RETURNS, encoding="utf-8")
    job.change(state=JobState.RUNNING, finished_at="")  # as a killed server leaves it: nobody holds its lock
    second = make_bureau()
    assert second.asked("GET", f"/knowledge/jobs/{begun['id']}").json()["state"] == "interrupted"
    second.parts.changes.take_up()
    assert second.ended(f"/knowledge/jobs/{begun['id']}")["state"] == "done"
    assert second.asked("GET", DOCUMENTS).json()["total"] == 1
    assert not Path(file["path"]).parent.exists()


def test_a_server_that_ends_breaks_off_and_leaves_the_rest_to_the_next(make_bureau: MakeBureau) -> None:
    first = make_bureau()
    files = [("files", (f"{n}.md", f"# Page {n}\n\nWords of page {n}.".encode())) for n in range(60)]
    begun = first.asked("POST", DOCUMENTS, files=files).json()
    first.parts.changes.close()
    assert first.parts.changes.status(begun["id"]).state is JobState.INTERRUPTED
    assert len(first.knowledge_base.documents()) < 60
    second = make_bureau()
    second.parts.changes.take_up()
    assert second.ended(f"/knowledge/jobs/{begun['id']}")["state"] == "done"
    assert second.asked("GET", DOCUMENTS).json()["total"] == 60


def test_only_a_key_with_the_scope_may(bureau: Bureau) -> None:
    for scope, status in ((Scope.CHAT, 403), (Scope.FINETUNE, 403), (Scope.KNOWLEDGE, 200)):
        assert bureau.asked("GET", DOCUMENTS, headers=bureau.key(scope)).status_code == status
        told = bureau.asked("POST", DOCUMENTS, headers=bureau.key(scope), json={"url": "nothing at all"})
        assert told.status_code == (422 if status == 200 else 403)
    for wrong in ("Bearer fd-0123456789abcdef-" + "x" * 43, "Bearer nonsense"):
        assert bureau.asked("GET", DOCUMENTS, headers={"Authorization": wrong}).status_code == 401
