"""Signing in, out and choosing passwords, as people and as attackers do it."""

import re

import pytest

from chatbot.accounts import Role
from chatbot.audit import NOBODY
from tests.web.accounts.conftest import GOOD, HERE, Browser, MakeOffice, Office

EVIL = "https://evil.example"
BETTER = "ladder otter purple"


def test_the_first_administrator_is_made_with_the_link_and_is_signed_in(office: Office) -> None:
    path = office.desk.first_admin_path()
    assert path
    browser = office.browser()
    assert 'autocomplete="username"' in browser.get(path).text
    short = browser.send(path, name="root", new="short", again="short")
    assert (short.status_code, "12 to 256" in short.text) == (422, True)
    differ = browser.send(path, name="root", new=GOOD, again=BETTER)
    assert "differ" in differ.text
    made = browser.send(path, name="Root", new=GOOD, again=GOOD)
    assert (made.status_code, made.headers["location"]) == (303, "/admin/")
    assert browser.get("/admin/").json() == {"actor": "root"}
    assert browser.get(path).status_code == 410
    assert office.browser().send(path, page="/login", name="evil", new=GOOD, again=GOOD).status_code == 410
    assert office.desk.first_admin_path() is None
    assert office.actions() == [("root", "first-admin-created", "root")]


def test_looking_at_a_link_does_not_use_it_up(office: Office) -> None:
    _, token = office.desk.accounts.create("ann", Role.AGENT)
    for _ in range(3):
        assert "ann" in office.browser().get(f"/welcome/{token}").text
    chosen = office.browser().send(f"/welcome/{token}", new=GOOD, again=GOOD, name="root")
    assert chosen.headers["location"] == "/inbox/"
    assert [(a.name, a.role) for a in office.desk.accounts.list()] == [("ann", Role.AGENT)]


def test_the_right_password_opens_a_session_that_signing_out_ends(office: Office) -> None:
    browser = office.signed_in("ann")
    token = browser.client.cookies["frontdesk-session"]
    assert browser.get("/login").headers["location"] == "/admin/"
    assert "ann" in browser.get("/logout").text
    assert browser.get("/admin/").status_code == 200
    out = browser.send("/logout")
    assert out.headers["location"] == "/login?signed_out"
    assert browser.get("/admin/").headers["location"] == "/login"
    browser.client.cookies.set("frontdesk-session", token)
    assert browser.get("/admin/").headers["location"] == "/login"
    assert office.actions() == [("ann", "login", ""), ("ann", "logout", "")]


def test_every_wrong_guess_looks_the_same(office: Office) -> None:
    office.add("ann")
    office.add("gone")
    office.desk.accounts.disable("gone")
    seen = set()
    for name in ("ann", "gone", "nobody"):
        refused = office.browser().sign_in(name, "a wrong password")
        assert refused.status_code == 401
        page = re.sub(r'value="\w*"', "", refused.text)
        seen.add(page)
        assert "session" not in refused.headers.get("set-cookie", "")
    assert len(seen) == 1
    assert office.actions() == [
        (NOBODY, "login-failed", "ann"),
        (NOBODY, "login-failed", "gone"),
        (NOBODY, "login-failed", ""),
    ]


def test_guessing_is_locked_whether_the_name_exists_or_not_and_the_right_password_waits_too(
    office: Office,
) -> None:
    office.add("ann")
    for name in ("ann", "nobody"):
        browser = office.browser()
        statuses = [browser.sign_in(name, "a wrong password").status_code for _ in range(7)]
        assert statuses == [401] * 5 + [429] * 2
    locked = office.browser().sign_in("ann")
    assert (locked.status_code, locked.headers["retry-after"]) == (429, "30")
    assert office.browser("10.0.0.9").sign_in("ann").status_code == 303


def test_cookies_are_for_this_host_only_and_with_https_never_sent_without(make_office: MakeOffice) -> None:
    office = make_office(base="https://chat.example.com", public_url="https://chat.example.com")
    office.add("ann")
    cookies = office.browser().sign_in("ann").headers.get_list("set-cookie")
    (session,) = [c for c in cookies if "session" in c]
    assert session.startswith("__Host-frontdesk-session=")
    parts = {part.strip().lower() for part in session.split(";")}
    assert {"httponly", "secure", "samesite=strict", "path=/"} <= parts
    assert not any(part.startswith("domain") for part in parts)


def test_a_session_is_never_one_that_the_browser_brought(office: Office) -> None:
    office.add("ann")
    browser = office.browser()
    browser.client.cookies.set("frontdesk-session", "planted")
    browser.sign_in("ann")
    first = [c.value for c in browser.client.cookies.jar if c.name == "frontdesk-session"]
    assert "planted" not in first[-1:]
    assert office.browser().get("/admin/").status_code == 303


@pytest.mark.parametrize("headers", [{"Origin": EVIL}, {"Origin": "null"}, {}])
def test_forms_of_other_pages_do_nothing(office: Office, headers: dict[str, str]) -> None:
    browser = office.signed_in("ann")
    assert browser.send("/logout", headers=headers).status_code == 403
    changed = browser.send("/account", headers=headers, old=GOOD, new=BETTER, again=BETTER)
    assert changed.status_code == 403
    assert office.browser().sign_in("ann", headers=headers).status_code == 403
    assert browser.get("/admin/").status_code == 200
    assert office.desk.accounts.verify("ann", GOOD)


def test_a_forms_token_is_needed_and_is_of_this_browser_and_session(office: Office) -> None:
    browser, other = office.signed_in("ann"), office.signed_in("bob")
    foreign = re.search(r'name="form_token" value="(\w+)"', other.get("/logout").text)
    assert foreign
    for token in ("", "x" * 64, foreign[1], "é"):
        assert browser.send("/logout", form_token=token).status_code == 403
    assert browser.get("/admin/").status_code == 200


def test_a_changed_password_signs_every_other_browser_out(office: Office) -> None:
    browser = office.signed_in("ann")
    other = office.browser()
    other.sign_in("ann")
    assert other.get("/account").status_code == 200
    wrong = browser.send("/account", old="wrong", new=BETTER, again=BETTER)
    assert (wrong.status_code, "old password is wrong" in wrong.text) == (422, True)
    done = browser.send("/account", old=GOOD, new=BETTER, again=BETTER)
    assert done.headers["location"] == "/account?saved"
    assert browser.get("/account?saved").status_code == 200
    assert other.get("/account").headers["location"] == "/login"
    assert office.browser().sign_in("ann").status_code == 401
    assert ("ann", "password-changed", "ann") in office.actions()


def test_the_old_password_cannot_be_guessed_on_the_account_page(office: Office) -> None:
    browser = office.signed_in("ann")
    tries = [browser.send("/account", old=f"wrong {n}", new=BETTER, again=BETTER) for n in range(6)]
    assert [answer.status_code for answer in tries] == [422] * 5 + [429]


def test_pages_are_strict_speak_the_readers_language_and_repeat_nothing_as_markup(office: Office) -> None:
    browser = office.browser()
    for path in ("/login", "/welcome/nonsense", office.desk.first_admin_path() or ""):
        page = browser.get(path)
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert page.headers["cache-control"] == "no-store"
        assert "<script" not in page.text
    assert 'lang="zh"' in browser.get("/login", **{"Accept-Language": "zh-CN,zh;q=0.9"}).text
    answered = browser.sign_in('"><script>alert(1)</script>', "wrong")
    assert "<script" not in answered.text


def test_large_forms_are_refused(office: Office) -> None:
    answer = office.browser().client.post("/login", content=b"x=" + b"a" * 20_000, headers={"Origin": HERE})
    assert answer.status_code == 413


def test_a_browser_without_cookies_is_nobody(office: Office) -> None:
    browser: Browser = office.browser()
    assert browser.get("/account").headers["location"] == "/login"
    assert browser.get("/logout").headers["location"] == "/login"
    assert browser.client.post("/login", data={"name": "a", "password": "b"}).status_code == 403
