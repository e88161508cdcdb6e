"""What the pages of accounts share with the gate before the pages of the company's people; one for each application."""

import hashlib
import hmac
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from chatbot.accounts import Account, AccountStore
from chatbot.audit import AuditLog
from chatbot.database import Database
from chatbot.login_attempts import LoginAttempts
from chatbot.oidc import OidcProvider
from chatbot.passwords import Passwords
from chatbot.sessions import SessionStore
from chatbot.settings import Settings
from chatbot.web.address import client_address, own_origin
from chatbot.web.loopback import is_reachable_by_others

WELCOME = "/welcome"
_CHARS = 128  # longer cookies are not ours


@dataclass(frozen=True, slots=True)
class AccountDesk:
    """Everything that signing in needs."""

    settings: Settings
    accounts: AccountStore
    sessions: SessionStore
    attempts: LoginAttempts
    audit: AuditLog
    secret: bytes
    oidc: OidcProvider | None = None

    @classmethod
    def build(cls, settings: Settings, database: Database, secret: str) -> "AccountDesk":
        """Puts the parts together."""
        own = settings.accounts
        return cls(
            settings=settings,
            accounts=AccountStore(database, Passwords(own.min_password_chars)),
            sessions=SessionStore(database, own),
            attempts=LoginAttempts(database, secret),
            audit=AuditLog(database),
            secret=hmac.digest(secret.encode(), b"frontdesk account forms", "sha256"),
            oidc=OidcProvider(own) if own.oidc_issuer else None,
        )

    def needs_session(self) -> bool:
        """Whether pages for administrators want a session: always, but on a machine's own server without accounts."""
        return is_reachable_by_others(self.settings) or self.accounts.exist()

    def first_admin_path(self) -> str | None:
        """The page that makes the first administrator, once; None when there is one."""
        token = self.accounts.first_admin_token()
        return f"{WELCOME}/{token}" if token else None

    def is_https(self, request: HTTPConnection) -> bool:
        """Whether browsers reach the server by https."""
        return own_origin(self.settings.web, request.scope, request.headers).startswith("https:")

    def cookie(self, kind: str, request: HTTPConnection) -> str:
        """The name of a cookie of ours; with https a name that no other host or path can set."""
        return f"__Host-frontdesk-{kind}" if self.is_https(request) else f"frontdesk-{kind}"

    def token(self, kind: str, request: HTTPConnection) -> str:
        """What a cookie of ours holds, empty when there is none."""
        return request.cookies.get(self.cookie(kind, request), "")[:_CHARS]

    def account(self, request: HTTPConnection) -> Account | None:
        """Who is signed in."""
        token = self.token("session", request)
        return self.sessions.read(token) if token else None

    def form_token(self, request: HTTPConnection, nonce: str) -> str:
        """What a form of ours has to send: bound to the browser and to its session."""
        text = f"{nonce}\n{self.token('session', request)}".encode("utf-8", "surrogatepass")
        return hmac.new(self.secret, text, hashlib.sha256).hexdigest()

    def address(self, request: HTTPConnection) -> str:
        """Where a request comes from."""
        return client_address(self.settings.web, request)

    def is_own_page(self, request: HTTPConnection, *, is_needed: bool) -> bool:
        """Whether the origin of a request is ours.

        Args:
            is_needed: Whether one without an origin, which browsers do not send with a form, is refused.
        """
        origin = request.headers.get("origin", "")
        own = own_origin(self.settings.web, request.scope, request.headers)
        return origin == own if origin else not is_needed
