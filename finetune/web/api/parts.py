"""What the routes for the company's programs and people share: who may ask, changes that are made once, errors."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from chatbot.api_keys import Scope
from chatbot.audit import AuditLog
from chatbot.once import Once
from chatbot.web.accounts.desk import AccountDesk
from chatbot.web.accounts.gate import administrator_asking
from chatbot.web.api.conversations import PROBLEMS
from chatbot.web.api.parts import ApiParts, Bearer, key_holder
from chatbot.web.api.problems import ApiError, Problem
from chatbot.web.auth import AuthError
from finetune.errors import DatasetError, TrainingError
from finetune.job_files import JobError
from finetune.web.adapters import AdapterDesk
from finetune.web.knowledge import KnowledgeDesk
from finetune.web.knowledge_jobs import KnowledgeJobs
from finetune.web.training import TrainingDesk

OPERATOR_PROBLEMS: dict[int | str, dict[str, Any]] = {
    **PROBLEMS,
    401: {**PROBLEMS[401], "description": "No API key and no administrator's session."},
    403: {**PROBLEMS[403], "description": "The key has not the scope, or the page's origin is another one."},
    409: {
        "model": Problem,
        "description": "It is refused as things stand; `detail` says why.",
        "content": {"application/problem+json": {}},
    },
}


@dataclass(frozen=True, slots=True)
class OperatorParts:
    """Everything these routes are built from; the desks are those of the page."""

    api: ApiParts
    accounts: AccountDesk
    audit: AuditLog
    once: Once
    knowledge: KnowledgeDesk
    changes: KnowledgeJobs
    training: TrainingDesk
    adapters: AdapterDesk

    def operator(self, scope: Scope) -> Callable[[Request, Bearer], str]:
        """A dependency: whoever has a key with the scope, or is an administrator, by the name in the audit log.

        Its errors are an `AuthError` for nobody, and a `ForbiddenError` for another scope, role or origin.
        """
        holder = key_holder(self.api, scope)

        def who(request: Request, bearer: Bearer) -> str:
            if bearer is not None:
                return f"(key {holder(request, bearer).id})"
            self.api.count(request, "requests", "", self.api.settings.web.requests_per_minute)
            name = administrator_asking(self.accounts, request)
            if name is None:
                raise AuthError(
                    f"An API key with the scope `{scope}` is needed, or an administrator's session.",
                    f"Make one with `frontdesk keys create NAME --scope {scope}`.",
                )
            return name

        return who

    def make(
        self, who: str, key: str, asked: str, change: Callable[[], Mapping[str, Any]]
    ) -> Mapping[str, Any]:
        """Makes a change once for each idempotency key; errors as for `Once.make`, and of the loop as problems."""
        with readable():
            return self.once.make(who, key, asked, change)


@contextmanager
def readable() -> Iterator[None]:
    """Errors of the tuning loop as those of the API."""
    try:
        yield
    except JobError as error:
        raise ApiError(404, "not-found", error.message, "See the list of jobs.") from error
    except (TrainingError, DatasetError) as error:
        raise ApiError(409, "training-refused", error.message, error.hint) from error
