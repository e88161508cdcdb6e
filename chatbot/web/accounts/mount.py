"""Puts accounts into a web application."""

from fastapi import FastAPI

from chatbot.web.accounts.desk import AccountDesk
from chatbot.web.accounts.gate import StaffGate
from chatbot.web.accounts.oidc_routes import OidcRoutes
from chatbot.web.accounts.routes import AccountRoutes


def add_accounts(app: FastAPI, desk: AccountDesk) -> None:
    """Adds the pages of accounts, and the gate before the pages of the company's people."""
    app.add_middleware(StaffGate, desk=desk)
    routes = AccountRoutes(desk)
    app.include_router(routes.router())
    if desk.oidc:
        app.include_router(OidcRoutes(desk, desk.oidc, routes).router())
