"""Who is asking: sites with their origins, and visitors with signed, short-lived tokens.

A visitor's access token opens one conversation for an hour and is renewed while it is used; a resume token, kept by
the browser, opens the visitor's earlier conversations again and nothing else. It knows nothing of HTTP.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import jwt

from chatbot.errors import FrontdeskError
from chatbot.handoff import PROGRAMS
from chatbot.web_settings import SiteSettings, WebSettings

_ALGORITHM = "HS256"
_LEEWAY_S = 5
_VISITOR_BYTES = 24
_CUSTOMER = "customer-"
_MOST_CUSTOMER_S = 86_400 + _LEEWAY_S
_SIGN_AGAIN = "Let the help desk sign a new one."


class AuthError(FrontdeskError):
    """The request does not say who is asking, or says it with a token that does not hold."""


class ForbiddenError(FrontdeskError):
    """Who is asking is known, and may not do this."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who may read and write one conversation; `expires_at` in seconds since 1970."""

    site: str
    visitor_id: str
    conversation_id: str
    expires_at: float


class Sites:
    """The sites of the settings, and which origins each of them has."""

    def __init__(self, settings: WebSettings) -> None:
        self._sites = settings.sites
        self._everywhere = {origin for site in settings.sites.values() for origin in site.origins}

    def get(self, site: str) -> SiteSettings:
        """The settings of a site.

        Raises:
            ForbiddenError: There is no such site.
        """
        if site not in self._sites:
            raise ForbiddenError(
                f"There is no site {site!r}.", "Check `data-site` against the server's `sites`."
            )
        return self._sites[site]

    def knows_origin(self, origin: str) -> bool:
        """Whether any site has this origin."""
        return origin in self._everywhere

    def check_origin(self, site: str, origin: str, own_origin: str) -> None:
        """Lets pages of a site and our own pages through, and whatever is no browser.

        Args:
            origin: The request's `Origin`, empty where there is none.
            own_origin: Where the server itself is reached.

        Raises:
            ForbiddenError: The site is unknown, or the origin is not one of its own.
        """
        allowed = self.get(site).origins
        if origin and origin != own_origin and origin not in allowed:
            raise ForbiddenError(
                f"Pages of {origin} may not use the site {site!r}.", "Add the origin to the site's `origins`."
            )


class VisitorTokens:
    """Makes and reads visitors' tokens.

    Args:
        secret: The server's own; each kind of token is signed with its own key made from it.
        now: Seconds since 1970.
    """

    def __init__(self, secret: str, settings: WebSettings, now: Callable[[], float] = time.time) -> None:
        self._keys = {kind: _derived(secret, kind) for kind in ("access", "resume")}
        self._settings = settings
        self._now = now

    def access(self, site: str, visitor_id: str, conversation_id: str) -> str:
        """A token for one conversation."""
        claims = {"site": site, "sub": visitor_id, "conversation": conversation_id}
        return self._signed("access", claims, self._settings.token_s)

    def resume(self, site: str, visitor_id: str) -> str:
        """A token to come back with."""
        return self._signed("resume", {"site": site, "sub": visitor_id}, self._settings.resume_s)

    def read_access(self, token: str) -> Visitor:
        """Who an access token belongs to.

        Raises:
            AuthError: It is forged, expired or of another kind.
        """
        claims = self._verified("access", token, ["site", "sub", "conversation", "exp"])
        return Visitor(claims["site"], claims["sub"], claims["conversation"], claims["exp"])

    def read_resume(self, token: str, site: str) -> str:
        """The visitor's id in a resume token.

        Raises:
            AuthError: It is forged, expired, of another kind or of another site.
        """
        claims = self._verified("resume", token, ["site", "sub", "exp"])
        if claims["site"] != site:
            raise AuthError("The token belongs to another site.", "Start a new conversation.")
        return str(claims["sub"])

    def renewed(self, visitor: Visitor) -> str | None:
        """A new access token once half of the old one's life is over."""
        if visitor.expires_at - self._now() > self._settings.token_s / 2:
            return None
        return self.access(visitor.site, visitor.visitor_id, visitor.conversation_id)

    def remaining_s(self, visitor: Visitor) -> float:
        """How long the visitor's token still holds."""
        return max(0.0, visitor.expires_at - self._now())

    def _signed(self, kind: Literal["access", "resume"], claims: dict[str, Any], life_s: float) -> str:
        now = self._now()
        return jwt.encode({**claims, "iat": now, "exp": now + life_s}, self._keys[kind], algorithm=_ALGORITHM)

    def _verified(self, kind: Literal["access", "resume"], token: str, required: list[str]) -> dict[str, Any]:
        options: Any = {"require": required, "verify_exp": False, "verify_iat": False}
        try:
            claims = jwt.decode(token, self._keys[kind], algorithms=[_ALGORITHM], options=options)
        except jwt.InvalidTokenError as error:
            raise AuthError(
                "The token is not valid.", "Start or resume a conversation to get one."
            ) from error
        if not isinstance(claims["exp"], int | float) or claims["exp"] + _LEEWAY_S < self._now():
            raise AuthError("The token has expired.", "Resume the conversation to get a new one.")
        return claims


def customer_id(token: str, site: str, settings: SiteSettings, now: Callable[[], float] = time.time) -> str:
    """The visitor id of a customer whom the help desk vouches for with a JWT of its own: the same on every device.

    Args:
        token: Signed with one of the site's keys, named by its `kid`; its algorithm is the key's and no other. It
            needs `sub` and `exp`, which may be at most a day ahead.

    Raises:
        AuthError: It is forged, expired, too long-lived, or its key is not one of the site's (any more).
    """
    key, algorithm = _customer_key(token, settings)
    options: Any = {"require": ["sub", "exp"], "verify_exp": False, "verify_iat": False, "verify_aud": False}
    try:
        claims = jwt.decode(token, key, algorithms=[algorithm], options=options)
    except (jwt.InvalidTokenError, jwt.InvalidKeyError) as error:
        raise AuthError("The customer's token is not valid.", _SIGN_AGAIN) from error
    expires_at = claims["exp"]
    if not isinstance(expires_at, int | float) or not -_LEEWAY_S < expires_at - now() <= _MOST_CUSTOMER_S:
        raise AuthError("The customer's token has expired, or holds for more than a day.", _SIGN_AGAIN)
    digest = hashlib.sha256(f"{site}\n{claims['sub']}".encode()).hexdigest()
    return f"{_CUSTOMER}{digest[:48]}"


def _customer_key(token: str, settings: SiteSettings) -> tuple[str, str]:
    try:
        kid = jwt.get_unverified_header(token).get("kid", "")
    except jwt.InvalidTokenError as error:
        raise AuthError("The customer's token cannot be read.", _SIGN_AGAIN) from error
    if kid in settings.customer_secrets:
        return settings.customer_secrets[kid].get_secret_value(), "HS256"
    if kid in settings.customer_public_keys:
        return settings.customer_public_keys[kid], "RS256"
    raise AuthError("The customer's token is signed with a key that the site does not have.", _SIGN_AGAIN)


def is_customer(visitor_id: str) -> bool:
    """Whether a visitor is a customer whom the help desk has signed."""
    return visitor_id.startswith(_CUSTOMER)


def is_reserved(visitor_id: str) -> bool:
    """Whether an id can be a customer's or a program's: a browser that names it without a token is lying."""
    return visitor_id.startswith((_CUSTOMER, *PROGRAMS))


def new_visitor_id() -> str:
    """An id that nobody can guess."""
    return secrets.token_urlsafe(_VISITOR_BYTES)


def _derived(secret: str, purpose: str) -> bytes:
    return hmac.new(secret.encode(), f"frontdesk {purpose} token".encode(), hashlib.sha256).digest()
