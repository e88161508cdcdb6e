"""What a site's widget shows, and going on with the newest conversation."""

from tests.web.api.conftest import BANK, SHOP, Desk


def test_a_site_tells_what_its_widget_shows_to_its_own_pages_only(desk: Desk) -> None:
    got = desk.client.get("/api/v1/sites/shop", headers={"Origin": SHOP})
    assert got.status_code == 200
    assert got.json()["title"] == desk.settings.company_name
    assert got.json()["is_open"] is None
    assert got.json()["max_attachments"] == desk.settings.max_attachments
    assert "secret" not in got.text
    assert desk.client.get("/api/v1/sites/shop", headers={"Origin": BANK}).status_code == 403
    assert desk.client.get("/api/v1/sites/nowhere").status_code == 403


def test_latest_opens_the_newest_conversation_or_a_new_one(desk: Desk) -> None:
    first = desk.start()
    resume = first["resume_token"]
    again = desk.start(resume_token=resume, conversation_id="latest")
    assert again["conversation"]["id"] == first["conversation"]["id"]
    second = desk.start(resume_token=resume)
    newest = desk.start(resume_token=resume, conversation_id="latest")
    assert newest["conversation"]["id"] == second["conversation"]["id"]
    somebody = desk.start(conversation_id="latest")
    assert somebody["conversation"]["id"] not in {first["conversation"]["id"], second["conversation"]["id"]}
