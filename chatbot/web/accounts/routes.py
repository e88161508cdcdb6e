"""`/login`, `/logout`, `/welcome/<token>` and `/account`: forms in, pages and cookies out."""

import asyncio
import secrets
from collections.abc import Callable
from urllib.parse import parse_qs

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse

from chatbot.accounts import Account, LinkError, Role
from chatbot.audit import NOBODY
from chatbot.errors import FrontdeskError, InputError
from chatbot.login_attempts import TooManyAttemptsError
from chatbot.web.accounts import pages
from chatbot.web.accounts.desk import WELCOME, AccountDesk
from chatbot.web.accounts.gate import ADMIN_PATH, INBOX_PATH
from chatbot.web.accounts.pages import Form

_MOST_BYTES = 16_384
_MOST_S = 15.0
_AT_ONCE = 4
HOME = {Role.ADMIN: f"{ADMIN_PATH}/", Role.AGENT: f"{INBOX_PATH}/"}
Fields = dict[str, str]
Answer = Callable[[Request, Fields], Response]


class ForeignFormError(FrontdeskError):
    """A form was sent by another page, or is older than the browser's session."""


class AccountRoutes:
    """The routes, on the parts they share."""

    def __init__(self, desk: AccountDesk) -> None:
        self._desk = desk
        self._threads = CapacityLimiter(_AT_ONCE)  # its own: who guesses passwords holds nobody else up

    def router(self) -> APIRouter:
        """All of them."""
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/login", self._shown_login, response_class=Response)
        router.add_api_route("/login", self._on(self._sign_in), methods=["POST"], response_class=Response)
        router.add_api_route("/logout", self._shown_logout, response_class=Response)
        router.add_api_route("/logout", self._on(self._sign_out), methods=["POST"], response_class=Response)
        router.add_api_route("/account", self._shown_account, response_class=Response)
        router.add_api_route("/account", self._on(self._change), methods=["POST"], response_class=Response)
        link = WELCOME + "/{token}"
        router.add_api_route(link, self._shown_welcome, response_class=Response)
        router.add_api_route(link, self._on(self._choose), methods=["POST"], response_class=Response)
        return router

    def _on(self, answer: Answer) -> Callable[[Request], object]:
        """Reads a form of ours, then answers it in a thread: passwords take a moment."""

        async def route(request: Request) -> Response:
            body = await _read(request)
            return await run_sync(self._answered, answer, request, body, limiter=self._threads)

        return route

    def _answered(self, answer: Answer, request: Request, body: bytes) -> Response:
        given = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=20)
        fields = {name: values[-1] for name, values in given.items()}
        try:
            self._check_form(request, fields)
            return answer(request, fields)
        except ForeignFormError as error:
            form = self._form(request)[0]
            return pages.message_page(form, form.words["sign_in"], form.words[error.message], 403)
        except LinkError as error:
            form = self._form(request)[0]
            return pages.message_page(form, form.words["welcome"], str(error), 410)

    def _check_form(self, request: Request, fields: Fields) -> None:
        expected = self._desk.form_token(request, self._desk.token("form", request))
        sent = fields.get("form_token", "").encode("utf-8", "surrogatepass")
        has_cookie = bool(self._desk.token("form", request))
        is_ours = has_cookie and secrets.compare_digest(expected.encode(), sent)
        if not is_ours or not self._desk.is_own_page(request, is_needed=True):
            raise ForeignFormError("expired_form")

    def _form(self, request: Request, error: str = "") -> tuple[Form, str]:
        """A form's common parts, and the nonce that its page has to set as a cookie."""
        nonce = self._desk.token("form", request) or secrets.token_urlsafe(24)
        token = self._desk.form_token(request, nonce)
        return Form(token, request.headers.get("accept-language", ""), error), nonce

    def _with_nonce(self, response: Response, request: Request, nonce: str) -> Response:
        self._set(response, request, "form", nonce, None)
        return response

    def _set(
        self, response: Response, request: Request, kind: str, value: str, max_age_s: int | None
    ) -> None:
        response.set_cookie(
            self._desk.cookie(kind, request),
            value,
            max_age=max_age_s,
            path="/",
            secure=self._desk.is_https(request),
            httponly=True,
            samesite="strict",
        )

    def _shown_login(self, request: Request) -> Response:
        if account := self._desk.account(request):
            return RedirectResponse(HOME[account.role], 303)
        told = "signed_out" if "signed_out" in request.query_params else ""
        return self._login(request, told=told)

    def _login(
        self, request: Request, *, name: str = "", error: str = "", told: str = "", status: int = 200
    ) -> Response:
        form, nonce = self._form(request, error)
        return self._with_nonce(pages.login_page(form, name, told, self._provider, status), request, nonce)

    @property
    def _provider(self) -> str:
        return self._desk.settings.accounts.oidc_name if self._desk.oidc else ""

    def _sign_in(self, request: Request, fields: Fields) -> Response:
        name, address = fields.get("name", "").strip().lower()[:256], self._desk.address(request)
        try:
            self._desk.attempts.begin(name, address)
        except TooManyAttemptsError as error:
            refused = self._login(request, name=name, error=str(error), status=429)
            refused.headers["Retry-After"] = str(error.retry_after_s)
            return refused
        account = self._desk.accounts.verify(name, fields.get("password", ""))
        if account is None:
            known = name if self._desk.accounts.has(name) else ""  # what else was typed may be a password
            self._desk.audit.record(NOBODY, "login-failed", known)
            words = self._form(request)[0].words
            return self._login(request, name=name, error=words["refused"], status=401)
        self._desk.attempts.succeeded(name, address)
        self._desk.audit.record(account.name, "login")
        return self._signed_in(request, account)

    def _signed_in(self, request: Request, account: Account) -> Response:
        response = RedirectResponse(HOME[account.role], 303, pages.HEADERS)
        self.open_session(response, request, account)
        return response

    def open_session(self, response: Response, request: Request, account: Account) -> None:
        """Signs the browser in with a new session; the one it had ends."""
        if old := self._desk.token("session", request):
            self._desk.sessions.close(old)
        life_s = round(self._desk.settings.accounts.session_s)
        self._set(response, request, "session", self._desk.sessions.open(account.id), life_s)

    def _shown_logout(self, request: Request) -> Response:
        account = self._desk.account(request)
        if account is None:
            return RedirectResponse("/login", 303)
        form, nonce = self._form(request)
        return self._with_nonce(pages.logout_page(form, account.name), request, nonce)

    def _sign_out(self, request: Request, fields: Fields) -> Response:
        if account := self._desk.account(request):
            self._desk.sessions.close(self._desk.token("session", request))
            self._desk.audit.record(account.name, "logout")
        response = RedirectResponse("/login?signed_out", 303, pages.HEADERS)
        for kind in ("session", "form"):
            response.delete_cookie(
                self._desk.cookie(kind, request),
                secure=self._desk.is_https(request),
                httponly=True,
                samesite="strict",
            )
        return response

    def _shown_welcome(self, request: Request, token: str) -> Response:
        try:
            name = self._desk.accounts.owner_of_link(token)
        except LinkError as error:
            form = self._form(request)[0]
            return pages.message_page(form, form.words["welcome"], str(error), 410)
        return self._welcome(request, token, name)

    def _welcome(self, request: Request, token: str, name: str, error: str = "") -> Response:
        form, nonce = self._form(request, error)
        least = self._desk.settings.accounts.min_password_chars
        page = pages.welcome_page(form, f"{WELCOME}/{token}", name, least, 422 if error else 200)
        return self._with_nonce(page, request, nonce)

    def _choose(self, request: Request, fields: Fields) -> Response:
        token = request.path_params["token"]
        owner = self._desk.accounts.owner_of_link(token)
        try:
            self._check_twice(request, fields)
            account = self._desk.accounts.use_link(token, fields.get("new", ""), fields.get("name", ""))
        except LinkError:
            raise
        except InputError as error:
            return self._welcome(request, token, owner, str(error))
        action = "password-set" if owner else "first-admin-created"
        self._desk.audit.record(account.name, action, account.name)
        return self._signed_in(request, account)

    def _shown_account(self, request: Request) -> Response:
        account = self._desk.account(request)
        return self._account(request, account) if account else RedirectResponse("/login", 303)

    def _account(self, request: Request, account: Account, error: str = "", status: int = 200) -> Response:
        form, nonce = self._form(request, error)
        told = "saved" if "saved" in request.query_params and not error else ""
        least = self._desk.settings.accounts.min_password_chars
        page = pages.account_page(
            form,
            account.name,
            account.role.value,
            has_password=account.has_password,
            min_chars=least,
            told=told,
            status=status,
        )
        return self._with_nonce(page, request, nonce)

    def _change(self, request: Request, fields: Fields) -> Response:
        account = self._desk.account(request)
        if account is None:
            return RedirectResponse("/login", 303)
        address = self._desk.address(request)
        try:
            self._check_twice(request, fields)
            self._desk.attempts.begin(account.name, address)
            self._desk.accounts.change_password(account, fields.get("old", ""), fields.get("new", ""))
        except TooManyAttemptsError as error:
            return self._account(request, account, str(error), 429)
        except InputError as error:
            return self._account(request, account, str(error), 422)
        self._desk.attempts.succeeded(account.name, address)
        self._desk.audit.record(account.name, "password-changed", account.name)
        response = self._signed_in(request, account)
        response.headers["Location"] = "/account?saved"
        return response

    def _check_twice(self, request: Request, fields: Fields) -> None:
        if fields.get("new") != fields.get("again"):
            raise InputError(self._form(request)[0].words["differ"])


async def _read(request: Request) -> bytes:
    body = b""
    try:
        async with asyncio.timeout(_MOST_S):
            async for part in request.stream():
                body += part
                if len(body) > _MOST_BYTES:
                    raise HTTPException(
                        413, f"The form is too large: at most {_MOST_BYTES:,} bytes are taken."
                    )
    except TimeoutError as error:
        raise HTTPException(408, "The form took too long to arrive.") from error
    return body
