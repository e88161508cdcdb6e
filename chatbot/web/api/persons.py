"""Routes of the handoff: ask for a person, and learn where that stands. What the person says comes with the events."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from chatbot.handoff import Standing, standing_data
from chatbot.messages import Observation
from chatbot.policy import Cause
from chatbot.understand import language_of
from chatbot.web.api.conversations import PROBLEMS
from chatbot.web.api.parts import ApiParts, Id
from chatbot.web.auth import Visitor


class PersonRequest(BaseModel):
    """What a person should know, and how to reach the customer."""

    model_config = ConfigDict(extra="forbid")

    note: str = Field("", max_length=4000)
    contact: str = Field("", max_length=254, examples=["ann@example.com"])


class PersonView(BaseModel):
    """Whether a person was asked for, and whether one is there; times are in the team's time zone."""

    ticket_id: str = ""
    status: Literal["none", "open", "claimed", "answered", "returned", "closed"] = "none"
    position: int = Field(0, description="Place in the queue, from 1; 0 when nobody is waited for.")
    available: bool = Field(False, description="Somebody of the team is there now.")
    open: bool | None = Field(None, description="Within the opening hours; null where none are stated.")
    opens_at: str | None = Field(
        None, description="The next opening.", examples=["2026-03-02T09:00:00+01:00"]
    )
    agent: str = Field("", description="Who has the conversation now.")
    contact: str = Field("", description="Where the customer is answered otherwise.")


class PersonRoutes:
    """The routes, on the parts they share."""

    def __init__(self, parts: ApiParts) -> None:
        self._parts = parts

    def router(self) -> APIRouter:
        """All of them."""
        router = APIRouter(
            prefix="/api/v1/conversations/{conversation_id}/person", tags=["person"], responses=PROBLEMS
        )
        visitor = Annotated[Visitor, Depends(self._parts.visitor)]

        @router.post("", status_code=201)
        def request_person(conversation_id: Id, who: visitor, body: PersonRequest) -> PersonView:
            """Asks for a person; asking again gives the same ticket, with the note and contact added."""
            return self._ask(conversation_id, who, body)

        @router.get("")
        def read_person(conversation_id: Id, who: visitor) -> PersonView:
            """Where the request for a person stands, and whether anybody is there; also before one is asked for."""
            self._parts.store.get(conversation_id, who.visitor_id)
            standing = self._parts.handoff.standing(conversation_id)
            if standing is None:
                there = self._parts.handoff.availability()
                opens_at = there.opens_at.isoformat() if there.opens_at else None
                return PersonView(available=there.is_here, open=there.is_open, opens_at=opens_at)
            return _view(standing)

        return router

    def _ask(self, conversation_id: str, who: Visitor, body: PersonRequest) -> PersonView:
        messages = self._parts.store.get(conversation_id, who.visitor_id).messages
        said = next((m.text for m in reversed(messages) if m.role == "user"), body.note)
        standing, _ = self._parts.handoff.request(
            conversation_id,
            who.visitor_id,
            cause=Cause.ASKED,
            note=body.note,
            contact=body.contact,
            language=language_of(Observation(said)),
        )
        return _view(standing)


def _view(standing: Standing) -> PersonView:
    return PersonView.model_validate(standing_data(standing))
