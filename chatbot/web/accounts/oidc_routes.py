"""`/login/provider` and `/login/callback`: to the company's identity provider and back."""

import logging
import time
from typing import Any

import jwt
from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from chatbot.audit import NOBODY
from chatbot.oidc import OidcError, OidcProvider, Pending
from chatbot.web.accounts import pages
from chatbot.web.accounts.desk import AccountDesk
from chatbot.web.accounts.pages import Form
from chatbot.web.accounts.routes import HOME, AccountRoutes
from chatbot.web.address import own_origin

log = logging.getLogger(__name__)
_LIFE_S = 600
_BACK = "/login/callback"


class OidcRoutes:
    """The routes, on the parts they share.

    Args:
        routes: Opens the session of whoever was recognised.
    """

    def __init__(self, desk: AccountDesk, provider: OidcProvider, routes: AccountRoutes) -> None:
        self._desk = desk
        self._provider = provider
        self._routes = routes

    def router(self) -> APIRouter:
        """Both of them."""
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/login/provider", self._leave, response_class=Response)
        router.add_api_route(_BACK, self._come_back, response_class=Response)
        return router

    def _leave(self, request: Request) -> Response:
        try:
            address, pending = self._provider.begin(self._redirect_uri(request))
        except OidcError as error:
            return self._refused(request, error)
        response = RedirectResponse(
            address, 303, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
        )
        response.set_cookie(
            self._desk.cookie("oidc", request),
            self._sealed(pending),
            max_age=_LIFE_S,
            path="/",
            secure=self._desk.is_https(request),
            httponly=True,
            samesite="lax",  # the browser comes back from another site
        )
        return response

    def _come_back(self, request: Request) -> Response:
        try:
            pending = self._opened(request.cookies.get(self._desk.cookie("oidc", request), ""))
            identity = self._provider.finish(request.query_params, pending, self._redirect_uri(request))
        except OidcError as error:
            return self._refused(request, error)
        account = self._desk.accounts.recognise(identity.subject, identity.name)
        if account is None:
            self._desk.audit.record(NOBODY, "login-failed", via="oidc")
            unknown = OidcError("You have no account here.", "An administrator can make one with your name.")
            return self._refused(request, unknown)
        self._desk.audit.record(account.name, "login", via="oidc")
        response = pages.onward_page(self._form(request), HOME[account.role])
        self._routes.open_session(response, request, account)
        self._forget(response, request)
        return response

    def _refused(self, request: Request, error: OidcError) -> Response:
        log.warning("signing in with the identity provider failed: %s", error)
        form = self._form(request)
        response = pages.message_page(form, form.words["sign_in"], str(error), 403)
        self._forget(response, request)
        return response

    def _forget(self, response: Response, request: Request) -> None:
        is_https = self._desk.is_https(request)
        response.delete_cookie(
            self._desk.cookie("oidc", request), secure=is_https, httponly=True, samesite="lax"
        )

    def _form(self, request: Request) -> Form:
        return Form("", request.headers.get("accept-language", ""))

    def _redirect_uri(self, request: Request) -> str:
        return own_origin(self._desk.settings.web, request.scope, request.headers) + _BACK

    def _sealed(self, pending: Pending) -> str:
        claims = {"s": pending.state, "n": pending.nonce, "v": pending.verifier, "exp": time.time() + _LIFE_S}
        return jwt.encode(claims, self._desk.secret, "HS256")

    def _opened(self, sealed: str) -> Pending:
        options: Any = {"require": ["s", "n", "v", "exp"]}
        try:
            claims = jwt.decode(sealed, self._desk.secret, algorithms=["HS256"], options=options)
        except jwt.InvalidTokenError as error:
            raise OidcError(
                "This sign-in was not begun in this browser, or is too old.", "Begin again."
            ) from error
        return Pending(claims["s"], claims["n"], claims["v"])
