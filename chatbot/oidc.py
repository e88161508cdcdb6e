"""Who somebody is, by the company's own identity provider: OpenID Connect's authorization code flow with PKCE.

It knows nothing of accounts or cookies: what is pending between leaving and coming back is given to the caller to keep.
"""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import jwt

from chatbot.account_settings import AccountSettings
from chatbot.errors import FrontdeskError

_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
_TIMEOUT_S = 10.0
_MOST_BYTES = 512_000
_KEPT_S = 3600.0
_LEEWAY_S = 60
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class OidcError(FrontdeskError):
    """The provider cannot be asked, or what it says does not hold."""


@dataclass(frozen=True, slots=True)
class Pending:
    """What has to be remembered until the browser comes back."""

    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom the provider has recognised.

    Attributes:
        subject: A hash that stays the same for this person at this provider.
        name: The claim that accounts are named by; empty when it is missing or was not verified.
    """

    subject: str
    name: str


class OidcProvider:
    """One provider, found by its issuer.

    Args:
        transport: How requests are sent.
        now: Seconds since 1970.
    """

    def __init__(
        self,
        settings: AccountSettings,
        transport: httpx.BaseTransport | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._transport = transport
        self._now = now
        self._lock = threading.Lock()
        self._metadata: tuple[float, dict[str, Any]] | None = None
        self._keys: tuple[float, jwt.PyJWKSet] | None = None

    def begin(self, redirect_uri: str) -> tuple[str, Pending]:
        """Where to send the browser.

        Raises:
            OidcError: The provider cannot be asked.
        """
        pending = Pending(*(secrets.token_urlsafe(32) for _ in range(3)))
        challenge = hashlib.sha256(pending.verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self._settings.oidc_client_id,
            "redirect_uri": redirect_uri,
            "scope": "openid email profile",
            "state": pending.state,
            "nonce": pending.nonce,
            "code_challenge": base64.urlsafe_b64encode(challenge).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        address = self._endpoint("authorization_endpoint")
        return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(query)}", pending

    def finish(self, came_back: Mapping[str, str], pending: Pending, redirect_uri: str) -> Identity:
        """Whom the browser came back as.

        Args:
            came_back: Query of the address that it came back to.

        Raises:
            OidcError: It came back with an error, for another attempt, or with what does not hold.
        """
        if not secrets.compare_digest(came_back.get("state", "").encode(), pending.state.encode()):
            raise OidcError("The sign-in belongs to another attempt.", "Begin again.")
        issuer = came_back.get("iss", self._settings.oidc_issuer)
        if issuer != self._settings.oidc_issuer or not came_back.get("code"):
            raise OidcError("The identity provider did not let you in.", "Begin again.")
        token = self._exchanged(came_back["code"], pending, redirect_uri)
        return self._identity(self._claims(token), pending)

    def _exchanged(self, code: str, pending: Pending, redirect_uri: str) -> str:
        own = self._settings
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": pending.verifier,
        }
        secret = own.oidc_client_secret.get_secret_value()
        login: httpx.BasicAuth | None = None
        methods = self._known().get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if secret and "client_secret_basic" in methods:
            login = httpx.BasicAuth(*(_quoted(part) for part in (own.oidc_client_id, secret)))
        else:
            form |= {"client_id": own.oidc_client_id, **({"client_secret": secret} if secret else {})}
        answer = self._asked("POST", self._endpoint("token_endpoint"), data=form, auth=login)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise OidcError("The identity provider gave no ID token.")
        return token

    def _claims(self, token: str) -> dict[str, Any]:
        options: Any = {
            "require": ["iss", "sub", "aud", "exp", "iat"],
            "verify_exp": False,
            "verify_iat": False,
        }
        try:
            key, algorithm = self._key(token)
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=self._settings.oidc_client_id,
                issuer=self._settings.oidc_issuer,
                options=options,
            )
        except (jwt.PyJWTError, ValueError) as error:
            raise OidcError("The identity provider's token does not hold.") from error
        return claims

    def _identity(self, claims: Mapping[str, Any], pending: Pending) -> Identity:
        expires_at, now = claims["exp"], self._now()
        if not isinstance(expires_at, int | float) or expires_at + _LEEWAY_S < now:
            raise OidcError("The identity provider's token has expired.", "Check the clock of this machine.")
        sent = str(claims.get("nonce", "")).encode("utf-8", "surrogatepass")
        if not secrets.compare_digest(sent, pending.nonce.encode()):
            raise OidcError("The identity provider's token belongs to another attempt.", "Begin again.")
        authorized = claims.get("azp", self._settings.oidc_client_id)
        if authorized != self._settings.oidc_client_id:
            raise OidcError("The identity provider's token is for another application.")
        named, claim = claims.get(self._settings.oidc_claim), self._settings.oidc_claim
        is_verified = claim != "email" or claims.get("email_verified") is True
        digest = hashlib.sha256(f"{claims['iss']}\n{claims['sub']}".encode()).hexdigest()
        return Identity(digest, named if isinstance(named, str) and is_verified else "")

    def _key(self, token: str) -> tuple[Any, str]:
        header = jwt.get_unverified_header(token)
        algorithm, kid = header.get("alg", ""), header.get("kid")
        if algorithm not in _ALGORITHMS:
            raise OidcError("The identity provider's token is signed in a way that is not taken.")
        for is_fresh in (False, True):  # the provider may have a new key
            keys = [key for key in self._key_set(is_fresh).keys if kid is None or key.key_id == kid]
            if len(keys) == 1:
                return keys[0].key, algorithm
        raise OidcError("The identity provider's token is signed with a key that it does not publish.")

    def _key_set(self, is_fresh: bool) -> jwt.PyJWKSet:
        with self._lock:
            if self._keys is None or is_fresh or self._keys[0] + _KEPT_S < self._now():
                found = jwt.PyJWKSet.from_dict(self._asked("GET", self._endpoint("jwks_uri")))
                self._keys = (self._now(), found)
            return self._keys[1]

    def _endpoint(self, name: str) -> str:
        address = self._known().get(name)
        if not isinstance(address, str) or not is_safe(address):
            raise OidcError(f"The identity provider names no usable `{name}`.")
        return address

    def _known(self) -> dict[str, Any]:
        if self._metadata is None or self._metadata[0] + _KEPT_S < self._now():
            issuer = self._settings.oidc_issuer
            found = self._asked("GET", issuer.rstrip("/") + "/.well-known/openid-configuration")
            if found.get("issuer") != issuer:
                raise OidcError(
                    f"The identity provider calls itself {found.get('issuer')!r}.",
                    "Set `accounts.oidc_issuer` to that.",
                )
            self._metadata = (self._now(), found)
        return self._metadata[1]

    def _asked(self, method: str, address: str, **more: Any) -> dict[str, Any]:
        body = b""
        try:
            with (
                httpx.Client(transport=self._transport, timeout=_TIMEOUT_S, trust_env=True) as client,
                client.stream(method, address, headers={"Accept": "application/json"}, **more) as answer,
            ):
                for part in answer.iter_bytes():
                    body += part
                    if len(body) > _MOST_BYTES:
                        raise OidcError("The identity provider's answer is too large.")
            found = json.loads(body)
        except (httpx.HTTPError, ValueError) as error:
            raise OidcError("The identity provider cannot be reached, or answers nonsense.") from error
        if answer.status_code != httpx.codes.OK or not isinstance(found, dict):
            raise OidcError(f"The identity provider answered with {answer.status_code}.")
        return found


def is_safe(address: str) -> bool:
    """Whether secrets may be sent to an address: by https, or to this machine."""
    parts = urlsplit(address)
    return bool(parts.hostname) and (parts.scheme == "https" or parts.hostname in _LOOPBACK)


def _quoted(text: str) -> str:
    return urlencode({"": text})[1:]  # RFC 6749, 2.3.1
