"""The pages of accounts in the process, with something behind the gate that says who has come through."""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from chatbot.account_settings import AccountSettings
from chatbot.accounts import AccountStore, Role
from chatbot.audit import AuditLog
from chatbot.database import Database
from chatbot.login_attempts import LoginAttempts
from chatbot.passwords import Passwords
from chatbot.settings import Settings
from chatbot.web.accounts.desk import AccountDesk
from chatbot.web.accounts.gate import actor
from chatbot.web.accounts.mount import add_accounts
from chatbot.web.api.problems import add_handlers
from chatbot.web_settings import WebSettings
from tests.cheap import CHEAP

HERE = "http://127.0.0.1:7860"
GOOD = "purple otter ladder"


@dataclass
class Office:
    """One server's accounts, and browsers for it."""

    settings: Settings
    desk: AccountDesk
    app: FastAPI
    base: str

    def browser(self, address: str = "127.0.0.1") -> "Browser":
        client = TestClient(
            self.app, base_url=self.base, client=(address, 50000), raise_server_exceptions=False
        )
        return Browser(client, self.base)

    def add(self, name: str, role: Role = Role.ADMIN) -> None:
        _, link = self.desk.accounts.create(name, role)
        self.desk.accounts.use_link(link, GOOD)

    def signed_in(self, name: str, role: Role = Role.ADMIN) -> "Browser":
        self.add(name, role)
        browser = self.browser()
        assert browser.sign_in(name).status_code == 303
        return browser

    def actions(self) -> list[tuple[str, str, str]]:
        return [(entry.actor, entry.action, entry.target) for entry in self.desk.audit.entries()]


@dataclass
class Browser:
    """Sends forms as browsers do: with its cookies, its origin and the form's hidden field."""

    client: TestClient
    base: str

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.client.get(path, follow_redirects=False, headers={"Accept": "text/html", **headers})

    def send(self, path: str, page: str = "", headers: Any = None, **fields: str) -> httpx.Response:
        token = re.search(r'name="form_token" value="(\w+)"', self.get(page or path).text)
        fields = {"form_token": token[1] if token else "", **fields}
        given = {"Accept": "text/html", "Origin": self.base} if headers is None else headers
        return self.client.post(path, data=fields, headers=given, follow_redirects=False)

    def sign_in(self, name: str, password: str = GOOD, headers: Any = None) -> httpx.Response:
        return self.send("/login", headers=headers, name=name, password=password)


MakeOffice = Callable[..., Office]


@pytest.fixture
def make_office(tmp_path: Path, empty_database: Path) -> Iterator[MakeOffice]:
    """Servers that share one data folder."""
    opened: list[Database] = []
    shutil.copy(empty_database, tmp_path / "frontdesk.db")

    def make(base: str = HERE, host: str = "127.0.0.1", accounts: Any = None, **web: Any) -> Office:
        settings = Settings(
            data_dir=tmp_path,
            host=host,
            web=WebSettings(**web),
            accounts=AccountSettings(**(accounts or {})),
        )
        opened.append(Database(f"sqlite:///{tmp_path / 'frontdesk.db'}"))
        built = AccountDesk.build(settings, opened[-1], "a" * 64)
        desk = AccountDesk(
            settings=settings,
            accounts=AccountStore(opened[-1], Passwords(12, CHEAP)),
            sessions=built.sessions,
            attempts=LoginAttempts(opened[-1], "s", lambda: 1_800_000_000.0),
            audit=AuditLog(opened[-1]),
            secret=built.secret,
        )
        app = FastAPI()
        add_handlers(app)
        add_accounts(app, desk)

        @app.api_route("/{rest:path}", methods=["GET", "POST", "PUT", "DELETE"])
        def behind(request: Request) -> dict[str, str | None]:
            return {"actor": actor(request)}

        return Office(settings, desk, app, base)

    yield make
    for database in opened:
        database.close()


@pytest.fixture
def office(make_office: MakeOffice) -> Office:
    return make_office()
