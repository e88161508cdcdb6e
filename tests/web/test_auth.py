"""Customers by the help desk's own tokens: forged, confused, expired and foreign ones are refused."""

import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr, ValidationError

from chatbot.errors import SettingsError
from chatbot.settings import Settings
from chatbot.web.auth import AuthError, customer_id
from chatbot.web.server import run
from chatbot.web_settings import SiteSettings, WebSettings

SECRET, OLD = "s" * 40, "o" * 40
PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC = PRIVATE.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)
SITE = SiteSettings(
    customer_secrets={"new": SecretStr(SECRET), "old": SecretStr(OLD)},
    customer_public_keys={"rsa": PUBLIC.decode()},
)


def signed(key: Any = SECRET, algorithm: str = "HS256", kid: str = "new", **claims: Any) -> str:
    body = {"sub": "ann", "exp": time.time() + 600} | claims
    return jwt.encode({k: v for k, v in body.items() if v is not None}, key, algorithm, {"kid": kid})


def test_a_customer_is_the_same_with_every_key_and_another_on_another_site() -> None:
    ids = {
        customer_id(signed(), "shop", SITE),
        customer_id(signed(OLD, kid="old"), "shop", SITE),
        customer_id(signed(PRIVATE, "RS256", "rsa"), "shop", SITE),
    }
    assert len(ids) == 1
    assert customer_id(signed(), "bank", SITE) not in ids
    assert customer_id(signed(sub="bob"), "shop", SITE) not in ids
    assert "ann" not in ids.pop()


@pytest.mark.parametrize(
    "token",
    [
        signed("x" * 40),
        signed(kid="gone"),
        signed(OLD),
        signed(algorithm="HS512"),
        signed(None, "none"),
        signed(exp=None),
        signed(exp=time.time() - 60),
        signed(exp=time.time() + 900_000),  # made long before it is used
        signed(exp="never"),
        signed(sub=None),
        signed(SECRET, kid="rsa"),
        "x.y.z",
        "",
    ],
)
def test_a_token_that_the_help_desk_did_not_sign_so_is_refused(token: str) -> None:
    with pytest.raises(AuthError):
        customer_id(token, "shop", SITE)


def test_the_public_key_is_no_secret_to_sign_with() -> None:
    import base64
    import hashlib
    import hmac
    import json

    def part(value: bytes) -> bytes:
        return base64.urlsafe_b64encode(value).rstrip(b"=")

    head = part(json.dumps({"alg": "HS256", "typ": "JWT", "kid": "rsa"}).encode())
    body = part(json.dumps({"sub": "ann", "exp": time.time() + 600}).encode())
    signature = part(hmac.new(PUBLIC, head + b"." + body, hashlib.sha256).digest())
    with pytest.raises(AuthError):
        customer_id(b".".join((head, body, signature)).decode(), "shop", SITE)


def test_weak_and_private_keys_are_no_settings() -> None:
    private = "-----BEGIN PRIVATE KEY-----"
    for wrong in ({"customer_secrets": {"a": "short"}}, {"customer_public_keys": {"a": private}}):
        with pytest.raises(ValidationError):
            SiteSettings(**wrong)
    both = SiteSettings(
        customer_secrets={"a": SecretStr(SECRET)}, customer_public_keys={"a": PUBLIC.decode()}
    )
    with pytest.raises(ValidationError, match="two keys"):
        WebSettings(sites={"shop": both})


def test_a_server_that_others_could_reach_does_not_start_before_it_is_set_up(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="PUBLIC_URL"):
        run(Settings(data_dir=tmp_path, host="0.0.0.0"), None, lambda name, url: None)
