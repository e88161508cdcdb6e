"""What the API's routes share: one object per application, nothing global."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from chatbot.api_keys import ApiKey, ApiKeyStore, Scope
from chatbot.assistant import Perceives
from chatbot.attachments import AttachmentStore
from chatbot.handoff_desk import HandoffDesk
from chatbot.proof_of_work import ProofOfWork
from chatbot.quotas import Quotas, Subjects
from chatbot.settings import Settings
from chatbot.store import ConversationStore
from chatbot.turn_log import TurnLog
from chatbot.web.address import client_address, own_origin
from chatbot.web.api.hub import Hub
from chatbot.web.api.limits import Rate, RateLimits
from chatbot.web.api.next_steps import NextSteps, NothingLearnt, Suggests
from chatbot.web.api.problems import ApiError
from chatbot.web.api.runner import Responds, TurnRunner
from chatbot.web.auth import AuthError, ForbiddenError, Sites, Visitor, VisitorTokens, is_customer
from chatbot.web.metrics import MeasuredAssistant, Metrics
from chatbot.web.tracing import Tracing

_ADDRESS_FACTOR = 4  # people behind one address
_BUSY_RETRY_S = 5
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]
Id = Annotated[str, Path(pattern="^[0-9a-f]{32}$", examples=["0d9d5c2f7a0b4f1a8a3c1e5b7d9f2c64"])]


@dataclass(frozen=True, slots=True)
class ApiParts:
    """Everything the API is built from."""

    settings: Settings
    store: ConversationStore
    attachments: AttachmentStore
    handoff: HandoffDesk
    turns: TurnLog
    hub: Hub
    runner: TurnRunner
    tokens: VisitorTokens
    sites: Sites
    limits: RateLimits
    keys: ApiKeyStore
    perceiver: Callable[[], Perceives]
    metrics: Metrics
    tracing: Tracing
    quotas: Quotas
    proofs: ProofOfWork
    next_steps: NextSteps

    @classmethod
    def build(
        cls,
        *,
        settings: Settings,
        store: ConversationStore,
        attachments: AttachmentStore,
        handoff: HandoffDesk,
        assistant: Callable[[], Responds],
        perceiver: Callable[[], Perceives],
        secret: str,
        suggester: Suggests | None = None,
    ) -> "ApiParts":
        """Puts the parts together; nothing runs yet.

        Args:
            suggester: Knows what customers want next; without it nothing is offered.
        """
        web = settings.web
        turns, hub = TurnLog(store.database, web.turn_lease_s), Hub(web.max_streams)
        handoff.watchers.append(hub.notify)
        metrics = Metrics()
        tracing = Tracing(web.otlp_url)
        measured = lambda: MeasuredAssistant(tracing.observed(assistant()), metrics)  # noqa: E731
        quotas = Quotas(store.database, web.daily, secret)
        next_steps = NextSteps(suggester or NothingLearnt())
        runner = TurnRunner(
            assistant=measured,
            store=store,
            turns=turns,
            hub=hub,
            workers=web.turn_workers,
            keep_days=web.event_retention_days,
            retention_days=settings.retention_days,
            spent=quotas.spent,
            next_steps=next_steps,
        )
        return cls(
            settings=settings,
            store=store,
            attachments=attachments,
            handoff=handoff,
            turns=turns,
            hub=hub,
            runner=runner,
            tokens=VisitorTokens(secret, web),
            sites=Sites(web),
            limits=RateLimits(),
            keys=ApiKeyStore(store.database),
            perceiver=perceiver,
            metrics=metrics,
            tracing=tracing,
            quotas=quotas,
            proofs=ProofOfWork(store.database, secret),
            next_steps=next_steps,
        )

    def close(self, timeout_s: float) -> None:
        """Takes nothing new, finishes the turns that have begun, then lets every stream end."""
        self.hub.refuse()
        self.runner.close(timeout_s)
        self.hub.close()
        self.tracing.close()

    def visitor(self, request: Request, conversation_id: Id, bearer: Bearer) -> Visitor:
        """Who asks, by the token that opens this conversation; a dependency of every route of a conversation.

        Raises:
            AuthError: There is no token, or it does not hold.
            ForbiddenError: It opens another conversation, or the page's origin is not of its site.
            ApiError: Too many requests.
        """
        self.count(request, "requests", "", self.settings.web.requests_per_minute)
        if bearer is None:
            raise AuthError("A token is needed.", "Send it as `Authorization: Bearer …`.")
        visitor = self.tokens.read_access(bearer.credentials)
        self.check_origin(request, visitor.site)
        if visitor.conversation_id != conversation_id:
            raise ForbiddenError("The token opens another conversation.", "Resume this one to get its token.")
        self.count(request, "requests", visitor.visitor_id, self.settings.web.requests_per_minute)
        request.state.renewed_token = self.tokens.renewed(visitor)
        return visitor

    def check_origin(self, request: Request, site: str) -> None:
        """Lets only the site's own pages, our own, and programs through; errors as for `Sites.check_origin`."""
        own = own_origin(self.settings.web, request.scope, request.headers)
        self.sites.check_origin(site, request.headers.get("origin", ""), own)

    def count(self, request: Request, what: str, whose: str, count: int, per_s: float = 60.0) -> None:
        """Counts one thing of a visitor, or of the address where `whose` is empty.

        Raises:
            ApiError: Too many.
        """
        if whose:
            self.limits.take(what, whose, Rate(count, per_s))
        else:
            self.count_address(self.address(request), what, count, per_s)

    def count_address(self, address: str, what: str, count: int, per_s: float = 60.0) -> None:
        """Counts one thing of an address, behind which several visitors may be; errors as for `count`."""
        self.limits.take(what, address, Rate(count * _ADDRESS_FACTOR, per_s))

    def admit(self, address: str, visitor_id: str) -> None:
        """Whether a visitor may send a message now.

        Raises:
            ApiError: Too many were sent, or too many wait for their answers.
        """
        settings = self.settings.web
        self.count_address(address, "messages", settings.messages_per_minute)
        self.limits.take("messages", visitor_id, Rate(settings.messages_per_minute, 60.0))
        if self.is_busy:
            raise ApiError(503, "busy", "The server is busy.", "Try again soon.", retry_after_s=_BUSY_RETRY_S)

    @property
    def is_busy(self) -> bool:
        """Whether no message is taken, because too many wait for their answers."""
        return self.hub.is_refusing or self.runner.waiting >= self.settings.web.max_waiting_turns

    def payers(self, request: Request, who: Visitor) -> Subjects:
        """Whose daily quotas a visitor's message counts against."""
        kind = "customer" if is_customer(who.visitor_id) else "visitor"
        return {kind: who.visitor_id, "site": who.site, "address": self.address(request)}

    def address(self, request: Request) -> str:
        """Where the request comes from, as told by the proxies that are trusted."""
        return client_address(self.settings.web, request)


def key_holder(parts: ApiParts, scope: Scope) -> Callable[[Request, Bearer], ApiKey]:
    """A dependency: the API key of a request, which must have the scope.

    Its errors are an `AuthError` for no key or one that does not hold, and a `ForbiddenError` for another scope.
    """

    def holder(request: Request, bearer: Bearer) -> ApiKey:
        parts.count(request, "requests", "", parts.settings.web.requests_per_minute)
        key = parts.keys.verify(bearer.credentials) if bearer else None
        if key is None:
            raise AuthError("An API key is needed.", "Make one with `frontdesk keys create NAME`.")
        if scope not in key.scopes:
            raise ForbiddenError(f"The key has no scope `{scope}`.", "Make one that has it.")
        return key

    return holder
