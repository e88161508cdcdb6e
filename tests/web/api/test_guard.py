"""Attackers: forged, expired and foreign tokens, forbidden origins, large and slow bodies, too many requests."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import jwt
import pytest

from chatbot.web.auth import VisitorTokens, _derived
from chatbot.web_settings import WebSettings
from tests.web.api.conftest import BANK, SECRET, SHOP, Desk, MakeDesk, Visit

EVIL = "https://evil.example"
CLAIMS = {"site": "default", "sub": "ann", "conversation": "0" * 32, "exp": time.time() + 1000}


def reads_with(visit: Visit, token: str) -> httpx.Response:
    return visit.request("GET", headers={"Authorization": f"Bearer {token}"})


@pytest.mark.parametrize(
    "path",
    ["", "/events?follow=false", "/export", f"/attachments/{'a' * 64}", f"/messages/{'0' * 32}/citations/1"],
)
def test_another_visitors_token_opens_nothing_of_a_conversation(desk: Desk, path: str) -> None:
    mine, other = desk.visit(), desk.visit()
    answer = desk.client.get(other.url + path, headers=mine.headers)
    assert answer.status_code == 403
    assert desk.client.get(other.url + path).status_code == 401


def test_forged_tokens_are_refused_whatever_their_algorithm(desk: Desk) -> None:
    visit = desk.visit()
    key = _derived(SECRET, "access")
    forged = [
        jwt.encode({**CLAIMS, "conversation": visit.id}, "another secret of thirty-two bytes", "HS256"),
        jwt.encode({**CLAIMS, "conversation": visit.id}, key, "HS384"),
        jwt.encode({**CLAIMS, "conversation": visit.id}, None, "none"),
        jwt.encode({k: v for k, v in CLAIMS.items() if k != "exp"}, key, "HS256"),
        visit.started["resume_token"],
        visit.started["token"][:-2],
        "x",
        "é",
    ]
    for token in forged:
        refused = visit.request("GET", headers={"Authorization": f"Bearer {token}".encode()})
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")


def test_a_token_expires_and_is_renewed_before(desk: Desk) -> None:
    visit, now = desk.visit(), time.time()

    def token(age_s: float) -> str:
        tokens = VisitorTokens(SECRET, desk.settings.web, now=lambda: now - age_s)
        visitor = desk.parts.tokens.read_access(visit.started["token"])
        return tokens.access(visitor.site, visitor.visitor_id, visit.id)

    assert reads_with(visit, token(3700)).status_code == 401
    assert "frontdesk-token" not in reads_with(visit, token(100)).headers
    renewed = reads_with(visit, token(3000)).headers["frontdesk-token"]
    assert reads_with(visit, renewed).status_code == 200


def test_an_access_token_does_not_resume_and_a_resume_token_stays_on_its_site(desk: Desk) -> None:
    visit = desk.visit("shop")
    for token, site in ((visit.started["token"], "shop"), (visit.started["resume_token"], "bank")):
        body = {"site": site, "resume_token": token}
        assert desk.client.post("/api/v1/conversations", json=body).status_code == 401


def test_a_stranger_cannot_resume_a_known_conversation(desk: Desk) -> None:
    visit, stranger = desk.visit(), desk.visit()
    for resume in (None, stranger.started["resume_token"]):
        body = {"conversation_id": visit.id, "resume_token": resume}
        assert desk.client.post("/api/v1/conversations", json=body).status_code == 404


@pytest.mark.parametrize(
    ("origin", "status"),
    [(SHOP, 200), ("http://127.0.0.1:7860", 200), (BANK, 403), (EVIL, 403), ("null", 403)],
)
def test_only_the_sites_own_pages_use_its_tokens(desk: Desk, origin: str, status: int) -> None:
    answer = desk.visit("shop").request("GET", headers={"Origin": origin})
    assert answer.status_code == status
    allowed = answer.headers.get("access-control-allow-origin")
    assert allowed == (origin if origin not in (EVIL, "null") else None)
    assert answer.headers["vary"] == "Origin"


def test_pages_start_only_with_a_site_of_their_own(desk: Desk) -> None:
    for site, origin, status in (
        ("shop", SHOP, 201),
        ("bank", SHOP, 403),
        ("default", SHOP, 403),
        ("x", SHOP, 403),
    ):
        answer = desk.client.post("/api/v1/conversations", json={"site": site}, headers={"Origin": origin})
        assert answer.status_code == status


def test_a_preflight_names_exactly_the_known_origin(desk: Desk) -> None:
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    allowed = desk.client.options("/api/v1/conversations", headers={"Origin": SHOP, **asks})
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (204, SHOP)
    assert "access-control-allow-credentials" not in allowed.headers
    refused = desk.client.options("/api/v1/conversations", headers={"Origin": EVIL, **asks})
    assert refused.status_code == 403
    assert "access-control-allow-origin" not in refused.headers


def test_the_server_answers_to_its_own_names_only(make_desk: MakeDesk) -> None:
    desk = make_desk(public_url="https://chat.example.com")
    for host, status in (
        ("localhost:7860", 201),
        ("chat.example.com", 201),
        ("evil.example", 421),
        ("", 421),
    ):
        answer = desk.client.post("/api/v1/conversations", json={}, headers={"Host": host})
        assert answer.status_code == status


def test_every_answer_carries_the_security_headers(desk: Desk) -> None:
    for answer in (desk.visit().request("GET"), desk.client.get("/api/v1/nothing")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_a_body_without_end_is_cut_off_before_it_is_parsed(make_desk: MakeDesk) -> None:
    visit = make_desk(max_upload_bytes=10_000).visit()

    def endless() -> Any:
        for _ in range(100):
            yield b"x" * 1000

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    refused = visit.request("POST", "/messages", content=endless(), headers=headers)
    assert refused.status_code == 413
    declared = visit.request("POST", "/messages", content=b"x" * 20_000, headers=headers)
    assert (declared.status_code, declared.json()["type"]) == (413, "urn:frontdesk:problem:too-large")


def test_a_body_that_never_comes_is_given_up(make_desk: MakeDesk, serve: Callable[[Desk], str]) -> None:
    import socket

    port = int(serve(make_desk(body_timeout_s=0.2)).rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as slow:
        slow.sendall(
            b"POST /api/v1/conversations HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            b"Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{"
        )
        assert b" 408 " in slow.recv(4096)


def test_too_many_messages_are_refused_until_there_is_room_again(make_desk: MakeDesk) -> None:
    visit = make_desk(messages_per_minute=2, max_waiting_per_conversation=9).visit()
    visit.ask("One?")
    visit.ask("Two?")
    refused = visit.request("POST", "/messages", json={"text": "Three?"})
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 30
    assert "Too many messages" in refused.json()["detail"]


def test_one_address_starts_so_many_conversations(make_desk: MakeDesk) -> None:
    desk = make_desk(conversations_per_hour=1, trusted_proxies=1)

    def start(address: str) -> int:
        forwarded = {"X-Forwarded-For": f"6.6.6.6, {address}"}
        return desk.client.post("/api/v1/conversations", json={}, headers=forwarded).status_code

    assert [start("1.1.1.1") for _ in range(5)] == [201] * 4 + [429]
    assert start("2.2.2.2") == 201


def test_an_origin_in_the_settings_is_exact() -> None:
    site = WebSettings(sites={"a": {"origins": ["HTTPS://Help.Example:443/"]}}).sites["a"]
    assert site.origins == ("https://help.example",)
    for wrong in ("*", "https://*.example.com", "help.example", "https://help.example/path", "ftp://x"):
        with pytest.raises(ValueError, match="is not an origin"):
            WebSettings(sites={"a": {"origins": [wrong]}})
