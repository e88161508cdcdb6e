"""The API of the company's programs on real services: a knowledge base with a tiny embedder, a tiny base to tune."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from chatbot.accounts import AccountStore, Role
from chatbot.api_keys import Scope
from chatbot.audit import AuditLog
from chatbot.once import Once
from chatbot.passwords import Passwords
from chatbot.services import Services
from chatbot.settings import Settings
from chatbot.web.accounts.desk import AccountDesk
from chatbot.web.accounts.mount import add_accounts
from chatbot.web.api.mount import add_api
from chatbot.web.api.parts import ApiParts
from chatbot.web_settings import SiteSettings, WebSettings
from finetune.jobs import Jobs
from finetune.web.adapters import AdapterDesk
from finetune.web.api.mount import add_operator_api
from finetune.web.api.parts import OperatorParts
from finetune.web.knowledge import KnowledgeDesk
from finetune.web.knowledge_jobs import KnowledgeJobs
from finetune.web.training import TrainingDesk
from finetune.web.workshop import Workshop
from knowledge_base.base import KnowledgeBase
from knowledge_base.settings import KnowledgeBaseSettings
from tests.cheap import CHEAP
from tests.finetune.tiny_tuning import WORKER
from tests.knowledge_base.conftest import HashingEmbedder

BASE = "http://127.0.0.1:7860"
SHOP = "https://help.shop.example"
SECRET = "a" * 64
PATIENCE_S = 60.0


@dataclass
class Bureau:
    """One server's parts, and a client for it that has a key."""

    services: Services
    parts: OperatorParts
    app: FastAPI
    client: TestClient
    jobs: Jobs
    knowledge_base: KnowledgeBase

    def key(self, *scopes: Scope) -> dict[str, str]:
        _, text = self.parts.api.keys.create("Program", scopes or list(Scope))
        return {"Authorization": f"Bearer {text}"}

    def asked(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = more.pop("headers", None) or self.key()
        return self.client.request(method, f"/api/v1{path}", headers=headers, **more)

    def ended(self, path: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
        """A job once it has ended."""
        deadline, key = time.monotonic() + PATIENCE_S, headers or self.key()
        while time.monotonic() < deadline:
            job = self.asked("GET", path, headers=key).json()
            if job["state"] not in ("queued", "running"):
                return dict(job)
            time.sleep(0.02)
        raise AssertionError(f"{path} has not ended")

    def add(self, name: str, text: str) -> dict[str, Any]:
        """Takes a document in and waits for it."""
        job = self.asked("POST", "/knowledge/documents", files={"files": (name, text.encode())})
        assert job.status_code == 202, job.text
        return self.ended(f"/knowledge/jobs/{job.json()['id']}")

    def actions(self) -> list[tuple[str, str]]:
        return [(entry.action, entry.target) for entry in self.parts.audit.entries()]

    def account(self, name: str, role: Role) -> dict[str, str]:
        """The cookie of somebody who has just signed in."""
        accounts = AccountStore(self.services.store.database, Passwords(12, CHEAP))
        _, link = accounts.create(name, role)
        account = accounts.use_link(link, "purple otter ladder")
        return {"Cookie": f"frontdesk-session={self.parts.accounts.sessions.open(account.id)}"}


MakeBureau = Callable[..., Bureau]


@pytest.fixture
def make_bureau(tmp_path: Path) -> Iterator[MakeBureau]:
    """Servers that share one data folder."""
    opened: list[Bureau] = []

    def make(address: str = "127.0.0.1", **web: Any) -> Bureau:
        sites = {"shop": SiteSettings(origins=(SHOP,))}
        settings = Settings(
            data_dir=tmp_path / "data",
            engine="openai",
            web=WebSettings(**{"sites": sites, "requests_per_minute": 100_000, **web}),
        )
        services = Services(settings)
        knowledge_base = KnowledgeBase(
            tmp_path / "chroma",
            HashingEmbedder(),
            KnowledgeBaseSettings(allow_private_addresses=True, crawl_delay_s=0),
        )
        database = services.store.database
        api = ApiParts.build(
            settings=settings,
            store=services.store,
            attachments=services.attachments,
            handoff=services.handoff,
            assistant=services.assistant,
            perceiver=lambda: services.loaded().perceiver,
            secret=SECRET,
        )
        workshop = Workshop(settings, services.store, lambda: knowledge_base)
        jobs = Jobs(workshop.folder / "jobs", WORKER)
        desk = KnowledgeDesk(lambda: knowledge_base)
        parts = OperatorParts(
            api=api,
            accounts=AccountDesk.build(settings, database, SECRET),
            audit=AuditLog(database),
            once=Once(database),
            knowledge=desk,
            changes=KnowledgeJobs(settings.data_dir / "knowledge", desk),
            training=TrainingDesk(workshop.workspace, settings, jobs),
            adapters=AdapterDesk(workshop.registry, workshop.registry, settings.adapter, workshop.feedback),
        )
        app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        add_accounts(app, parts.accounts)
        add_operator_api(app, parts, jobs)
        add_api(app, api)
        client = TestClient(app, base_url=BASE, client=(address, 50000), raise_server_exceptions=False)
        opened.append(Bureau(services, parts, app, client, jobs, knowledge_base))
        return opened[-1]

    yield make
    for bureau in opened:
        bureau.parts.changes.close()
        bureau.knowledge_base.close()
        bureau.services.close()


@pytest.fixture
def bureau(make_bureau: MakeBureau) -> Bureau:
    return make_bureau()
