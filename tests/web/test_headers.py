"""Every response has the headers that keep a browser from doing what we do not mean."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from chatbot.web.headers import SecurityHeaders
from chatbot.web.server import protect
from chatbot.web_settings import SiteSettings, WebSettings
from tests.web.accounts.conftest import make_office  # noqa: F401 - a fixture
from tests.web.api.conftest import BANK, SHOP, Desk, make_desk  # noqa: F401 - a fixture

MakeClient = Callable[..., TestClient]
PATHS = (
    "/", "/config", "/healthz", "/metrics", "/docs", "/openapi.json", "/login", "/logout", "/account", "/welcome/x",
    "/admin", "/admin/", "/admin/config", "/inbox/", "/api/v1/conversations", "/api/nothing", "/v1/models",
    "/v1/nothing", "/broken",
)  # fmt: skip


@pytest.fixture
def client(make_desk: Any, make_office: Any) -> MakeClient:  # noqa: F811
    def make(base: str = "http://127.0.0.1:7860", **web: Any) -> TestClient:
        desk: Desk = make_desk(**web)
        from chatbot.web.accounts.desk import AccountDesk
        from chatbot.web.accounts.mount import add_accounts

        add_accounts(desk.app, AccountDesk.build(desk.settings, desk.parts.store.database, "s" * 64))
        protect(desk.app, desk.settings)

        @desk.app.get("/broken")
        def broken() -> None:
            raise ZeroDivisionError

        @desk.app.get("/{rest:path}")
        def page(rest: str) -> str:
            return rest

        return TestClient(desk.app, base_url=base, raise_server_exceptions=False, client=("127.0.0.1", 5))

    return make


@pytest.mark.parametrize("address", ["http://127.0.0.1:7860", "http://evil.example"])
def test_no_response_is_without_them(client: MakeClient, address: str) -> None:
    browser = client(address)
    for path in PATHS:
        for method in ("GET", "POST", "OPTIONS"):
            headers = browser.request(method, path, follow_redirects=False).headers
            assert headers["x-content-type-options"] == "nosniff", path
            if path == "/broken" and method == "GET":
                continue  # the outermost handler answers; it has no page to protect
            assert "frame-ancestors" in headers["content-security-policy"], path
            assert headers["referrer-policy"] in (
                "no-referrer",
                "same-origin",
                "strict-origin-when-cross-origin",
            )
            assert "camera=()" in headers["permissions-policy"]
            assert "strict-transport-security" not in headers


def test_the_chat_page_is_framed_by_the_pages_of_the_site_that_is_named_only(client: MakeClient) -> None:
    sites = {
        "shop": SiteSettings(origins=(SHOP,)),
        "bank": SiteSettings(origins=(BANK,)),
        "default": SiteSettings(origins=("https://www.example.com",)),
    }
    browser = client(sites=sites)
    for query, origin in (("", "https://www.example.com"), ("?site=shop", SHOP), ("?site=bank", BANK)):
        policy = browser.get(f"/{query}").headers["content-security-policy"]
        assert policy.endswith(f"frame-ancestors 'self' {origin}")
    for query in ("?site=nobody", "?site=shop%3B%20script-src", "?site=%0d%0aX:1", "?site=*"):
        assert browser.get(f"/{query}").headers["content-security-policy"].endswith("frame-ancestors 'self'")


def test_nobody_frames_the_pages_for_administrators_or_of_accounts(client: MakeClient) -> None:
    browser = client()
    for path in ("/admin/", "/admin/?site=shop", "/inbox/?site=shop", "/login?site=shop", "/account"):
        headers = browser.get(path, follow_redirects=False).headers
        if "location" not in headers:
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert headers["x-frame-options"] == "DENY"
            assert headers["cross-origin-opener-policy"] == "same-origin"


def test_browsers_remember_https_where_it_is_served() -> None:
    app = FastAPI()
    app.add_middleware(SecurityHeaders, settings=WebSettings(public_url="https://chat.example.com"))
    answer = TestClient(app).get("/")
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
