"""Stands before the pages of the company's people: everything below their paths, whatever serves it."""

import logging
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass

from anyio.to_thread import run_sync
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from chatbot.accounts import Role
from chatbot.audit import THIS_MACHINE
from chatbot.errors import FrontdeskError
from chatbot.web.accounts.desk import AccountDesk
from chatbot.web.accounts.pages import refusal_page
from chatbot.web.api.problems import described, problem
from chatbot.web.auth import ForbiddenError
from chatbot.web.loopback import comes_from_this_machine

log = logging.getLogger(__name__)
LOGIN = "/login"
ADMIN_PATH = "/admin"
INBOX_PATH = "/inbox"
MAY_OPEN: Mapping[str, frozenset[Role]] = {
    ADMIN_PATH: frozenset({Role.ADMIN}),
    INBOX_PATH: frozenset({Role.ADMIN, Role.AGENT}),
}
_STATE = "frontdesk_passed"


@dataclass(frozen=True, slots=True)
class _Passed:
    name: str
    role: Role


class StaffGate:
    """Wraps the application; who has passed is in the request's state, see `actor` and `administrator`."""

    def __init__(self, app: ASGIApp, *, desk: AccountDesk) -> None:
        self._app = app
        self._desk = desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets through what may go on."""
        roles = _roles(scope["path"]) if scope["type"] in ("http", "websocket") else None
        if roles is None:
            return await self._app(scope, receive, send)
        passed = await run_sync(self._admit, HTTPConnection(scope), roles)
        if isinstance(passed, _Passed):
            scope.setdefault("state", {})[_STATE] = passed
            return await self._app(scope, receive, send)
        if scope["type"] == "websocket":
            return await send({"type": "websocket.close", "code": 1008})
        return await passed(scope, receive, send)

    def _admit(self, request: HTTPConnection, roles: frozenset[Role]) -> _Passed | Response:
        """Who asks, or the refusal."""
        try:
            needs_session = self._desk.needs_session()
            if needs_session and not self._desk.is_own_page(request, is_needed=False):
                return problem(403, "forbidden-origin", "Pages of this origin may not use this page.")
            who = _asking(self._desk, request)
        except FrontdeskError as error:
            log.error("%s", error, exc_info=error)
            return described(error)
        if who is None:
            return RedirectResponse(LOGIN, 303) if needs_session and _is_navigation(request) else _unknown()
        if who.role not in roles:
            if _is_navigation(request):
                return refusal_page(request.headers.get("accept-language", ""))
            return problem(403, "forbidden", "This is for administrators.")
        return who


def actor(request: HTTPConnection) -> str | None:
    """Who the gate let through: an account's name, or `THIS_MACHINE`; None when it did not."""
    passed = getattr(request.state, _STATE, None)
    return passed.name if isinstance(passed, _Passed) else None


def administrator(request: HTTPConnection) -> str | None:
    """The same; None for an agent too, so that pages for administrators do not rest on paths alone."""
    passed = getattr(request.state, _STATE, None)
    return passed.name if isinstance(passed, _Passed) and passed.role is Role.ADMIN else None


def administrator_asking(desk: AccountDesk, request: HTTPConnection) -> str | None:
    """The administrator who asks for something outside of the gate's paths; None when it is none.

    A page of another origin is refused even where no account is needed: browsers say where a request comes from.

    Raises:
        ForbiddenError: It is somebody else's role, or a page of another origin; a change by somebody who is signed in
            has to say its origin.
    """
    is_change = request.scope.get("method") not in ("GET", "HEAD")
    if not desk.is_own_page(request, is_needed=is_change and desk.needs_session()):
        raise ForbiddenError(
            "Pages of this origin may not do this.", "Use a page of this server, or an API key."
        )
    who = _asking(desk, request)
    if who is not None and who.role is not Role.ADMIN:
        raise ForbiddenError("This is for administrators.")
    return who.name if who else None


def _asking(desk: AccountDesk, request: HTTPConnection) -> _Passed | None:
    """Whoever is signed in, or sits at a machine whose server needs nobody to."""
    if not desk.needs_session():
        return _Passed(THIS_MACHINE, Role.ADMIN) if comes_from_this_machine(request) else None
    account = desk.account(request)
    return _Passed(account.name, account.role) if account else None


def _unknown() -> Response:
    return problem(401, "unauthorized", "Sign in first.", f"At {LOGIN}.")


def is_for_staff(path: str) -> bool:
    """Whether a path leads to a page of the company's people."""
    return _roles(path) is not None


def _roles(path: str) -> frozenset[Role] | None:
    """Who may go on to a path: whoever may open every page that it could be read as one of; None: everybody."""
    doors = [roles for top, roles in MAY_OPEN.items() if _is_below(path, top)]
    return frozenset.intersection(*doors) if doors else None


def _is_navigation(request: HTTPConnection) -> bool:
    is_read = request.scope.get("method") in ("GET", "HEAD")
    return is_read and "text/html" in request.headers.get("accept", "")


def _is_below(path: str, top: str) -> bool:
    """Whether a path could be read as one below `top` by anything behind us; too often rather than too seldom."""
    parts = [part for part in path.replace("\\", "/").lower().split("/") if part]
    resolved = posixpath.normpath("/" + "/".join(parts)).strip("/").split("/")
    name = top.strip("/")
    return parts[:1] == [name] or resolved[:1] == [name]
