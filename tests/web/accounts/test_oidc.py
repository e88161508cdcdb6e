"""Signing in with an identity provider: one in the process that checks what it is sent, and attackers on the way."""

import base64
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from jwt.algorithms import RSAAlgorithm
from pydantic import ValidationError

from chatbot.account_settings import AccountSettings
from chatbot.accounts import Role
from chatbot.audit import NOBODY
from chatbot.oidc import OidcProvider
from chatbot.web.accounts.gate import actor
from chatbot.web.accounts.mount import add_accounts
from tests.web.accounts.conftest import Browser, MakeOffice, Office

ISSUER = "https://id.example.com"
HERE = "https://chat.example.com"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SETTINGS = {"oidc_issuer": ISSUER, "oidc_client_id": "frontdesk", "oidc_client_secret": "s3cr:t"}


@dataclass
class FakeProvider:
    """Behaves as a provider does: codes work once, for the address, client and verifier that they were asked with."""

    claims: dict[str, Any] = field(default_factory=dict)
    key: Any = KEY
    kid: str = "1"
    algorithm: str = "RS256"
    issuer: str = ISSUER
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def authorize(self, address: str) -> str:
        """The person agrees; where the browser is sent back to."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        code = f"code-{len(self.codes)}"
        self.codes[code] = query
        return f"{query['redirect_uri']}?code={code}&state={query['state']}"

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.asked.append(path)
        if path == "/.well-known/openid-configuration":
            names = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "jwks"}
            urls = {name: f"{ISSUER}/{end}" for name, end in names.items()}
            return httpx.Response(200, json={"issuer": self.issuer, **urls})
        if path == "/jwks":
            published = json.loads(RSAAlgorithm.to_jwk(KEY.public_key()))
            return httpx.Response(
                200, json={"keys": [{**published, "kid": "1", "use": "sig", "alg": "RS256"}]}
            )
        assert path == "/token"
        return self._token(request)

    def _token(self, request: httpx.Request) -> httpx.Response:
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        asked = self.codes.pop(form["code"], None)
        login = base64.b64encode(b"frontdesk:s3cr%3At").decode()
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        is_right = (
            asked is not None
            and request.headers["authorization"] == f"Basic {login}"
            and form["redirect_uri"] == asked["redirect_uri"]
            and base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
        )
        if asked is None or not is_right:
            return httpx.Response(400, json={"error": "invalid_grant"})
        now = time.time()
        claims = {
            "iss": ISSUER, "sub": "4711", "aud": "frontdesk", "iat": now, "exp": now + 60, "nonce": asked["nonce"],
            "email": "ann@shop.example", "email_verified": True, **self.claims,
        }  # fmt: skip
        kept = {name: value for name, value in claims.items() if value is not None}
        return httpx.Response(
            200, json={"id_token": jwt.encode(kept, self.key, self.algorithm, {"kid": self.kid})}
        )


@dataclass
class Company:
    """An office whose people sign in with the provider."""

    office: Office
    provider: FakeProvider

    def browser(self) -> Browser:
        client = TestClient(self.office.app, base_url=HERE, raise_server_exceptions=False)
        return Browser(client, HERE)

    def back(self, browser: Browser) -> str:
        """Leaves for the provider, agrees, and gives where the browser is sent back to."""
        away = browser.get("/login/provider")
        assert away.status_code == 303, away.text
        return self.provider.authorize(away.headers["location"])

    def sign_in(self, browser: Browser) -> httpx.Response:
        return browser.get(self.back(browser).removeprefix(HERE))


@pytest.fixture
def company(make_office: MakeOffice) -> Company:
    office, provider = make_office(base=HERE, public_url=HERE, accounts=SETTINGS), FakeProvider()
    oidc = OidcProvider(office.settings.accounts, httpx.MockTransport(provider))
    office.desk = replace(office.desk, oidc=oidc)
    office.app = FastAPI()
    add_accounts(office.app, office.desk)

    @office.app.get("/{rest:path}")
    def behind(request: Request) -> dict[str, str | None]:
        return {"actor": actor(request)}

    return Company(office, provider)


def test_a_known_person_is_signed_in_and_known_by_the_subject_from_then_on(company: Company) -> None:
    company.office.desk.accounts.create("ann@shop.example", Role.ADMIN)
    browser = company.browser()
    assert "single sign-on" in browser.get("/login").text
    came = company.sign_in(browser)
    assert came.status_code == 200
    assert 'http-equiv="refresh" content="0;url=/admin/"' in came.text
    cookies = came.headers.get_list("set-cookie")
    (session,) = [cookie for cookie in cookies if "session" in cookie]
    assert "SameSite=strict" in session
    assert "ann@shop.example" in browser.get("/account").text
    company.provider.claims["email"] = "renamed@shop.example"
    again = company.browser()
    assert company.sign_in(again).status_code == 200
    assert "ann@shop.example" in again.get("/account").text
    assert ("ann@shop.example", "login", "") in company.office.actions()


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "nobody@shop.example"},
        {"email_verified": False},
        {"email_verified": "true"},
        {"email": None},
        {"aud": "another"},
        {"aud": ["frontdesk", "another"], "azp": "another"},
        {"iss": "https://evil.example"},
        {"nonce": "another"},
        {"nonce": None},
        {"exp": time.time() - 3600},
        {"exp": "soon"},
        {"sub": None},
    ],
)
def test_whom_the_provider_did_not_vouch_for_here_and_now_is_nobody(
    company: Company, claims: dict[str, Any]
) -> None:
    company.office.desk.accounts.create("ann@shop.example", Role.ADMIN)
    company.provider.claims = claims
    browser = company.browser()
    refused = company.sign_in(browser)
    assert refused.status_code == 403
    assert browser.get("/account").headers["location"] == "/login"


@pytest.mark.parametrize(
    "forged",
    [
        {"key": OTHER_KEY},
        {"kid": "2"},
        {"key": "s3cr:t" * 8, "algorithm": "HS256"},
        {"key": None, "algorithm": "none"},
    ],
)
def test_tokens_with_another_signature_are_refused(company: Company, forged: dict[str, Any]) -> None:
    company.office.desk.accounts.create("ann@shop.example", Role.ADMIN)
    for name, value in forged.items():
        setattr(company.provider, name, value)
    assert company.sign_in(company.browser()).status_code == 403


def test_another_subject_cannot_take_an_account_over_by_its_name(company: Company) -> None:
    company.office.desk.accounts.create("ann@shop.example", Role.ADMIN)
    assert company.sign_in(company.browser()).status_code == 200
    company.provider.claims["sub"] = "666"
    assert company.sign_in(company.browser()).status_code == 403
    assert (NOBODY, "login-failed", "") in company.office.actions()


def test_a_disabled_account_is_nobody(company: Company) -> None:
    company.office.desk.accounts.create("ann@shop.example", Role.ADMIN)
    company.office.desk.accounts.disable("ann@shop.example")
    assert company.sign_in(company.browser()).status_code == 403


Way = Callable[[Company, Browser], str]


@pytest.mark.parametrize(
    "way",
    [
        lambda company, browser: "/login/callback?code=code-0&state=x",
        lambda company, browser: company.back(browser) + "x",
        lambda company, browser: company.back(browser) + "&iss=https://evil.example",
        lambda company, browser: company.back(browser).replace("code=", "error=access_denied&x="),
        lambda company, browser: company.back(company.browser()),
    ],
)
def test_nobody_comes_back_on_another_way_than_the_one_they_left_on(company: Company, way: Way) -> None:
    company.office.desk.accounts.create("ann@shop.example", Role.ADMIN)
    browser = company.browser()
    assert browser.get(way(company, browser).removeprefix(HERE)).status_code == 403
    assert browser.get("/account").status_code == 303


def test_a_way_back_works_once(company: Company) -> None:
    company.office.desk.accounts.create("ann@shop.example", Role.AGENT)
    browser = company.browser()
    back = company.back(browser).removeprefix(HERE)
    assert browser.get(back).status_code == 200
    assert browser.get(back).status_code == 403


def test_a_provider_that_calls_itself_otherwise_or_is_away_is_said_to_be(company: Company) -> None:
    company.provider.issuer = "https://evil.example"
    assert "calls itself" in company.browser().get("/login/provider").text

    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no")

    company.office.desk.oidc._transport = httpx.MockTransport(away)  # type: ignore[union-attr]
    assert company.browser().get("/login/provider").status_code == 403


def test_settings_are_whole_and_safe() -> None:
    for wrong in ({"oidc_issuer": ISSUER}, {"oidc_issuer": "http://id.example.com", "oidc_client_id": "x"}):
        with pytest.raises(ValidationError):
            AccountSettings(**wrong)
