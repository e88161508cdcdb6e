"""The OpenAPI document is true: random requests meet no server error and no undocumented answer."""

import re
from typing import Any

import hypothesis
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from chatbot.api_keys import Scope
from tests.web.api.conftest import Desk, MakeDesk, Visit

CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)
FUZZING = hypothesis.settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
    phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
)


def test_every_request_has_a_documented_answer(make_desk: MakeDesk) -> None:
    desk = make_desk(
        public_url="http://testserver", max_waiting_turns=100_000, key_messages_per_minute=100_000
    )
    schema = schemathesis.openapi.from_asgi("/openapi.json", desk.app)
    _, key = desk.parts.keys.create("fuzz", list(Scope))
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) >= 16
    for operation in operations:
        _fuzz(operation, desk, key)


def _fuzz(operation: Any, desk: Desk, key: str) -> None:
    @hypothesis.given(case=operation.as_strategy())
    @FUZZING
    def answers(case: Any) -> None:
        headers = {"Authorization": f"Bearer {key}"}
        if "conversation_id" in case.path_parameters:
            visit = desk.visit()
            headers = visit.headers
            case.path_parameters["conversation_id"] = visit.id
        if case.path.endswith("/events"):
            case.query = {**(case.query or {}), "follow": "false"}
        case.validate_response(case.call(headers=headers), checks=CHECKS)

    answers()


def test_the_document_names_every_error_a_problem(desk: Desk) -> None:
    made = desk.client.get("/openapi.json").json()
    responses = made["paths"]["/api/v1/conversations/{conversation_id}/messages"]["post"]["responses"]
    assert set(responses["429"]["content"]) == {"application/problem+json"}
    assert made["components"]["schemas"]["StartRequest"]["properties"]["site"]["examples"] == ["default"]


def test_the_page_of_documents_asks_nobody_else(desk: Desk) -> None:
    page = desk.client.get("/docs")
    assert "/api/v1/conversations/{conversation_id}/messages" in page.text
    assert "45 days" in page.text
    assert not re.search(r"<script|(?:src|href)=.https?:", page.text)
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_metrics_count_turns_by_decision_and_tell_of_nobody(desk: Desk) -> None:
    visit: Visit = desk.visit()
    visit.answered("How long can I return a Dot?")
    visit.answered("Where is my invoice?")
    text = desk.client.get("/metrics").text
    assert 'frontdesk_turns_total{decision="generate",stopped="false"} 1.0' in text
    assert 'frontdesk_turns_total{decision="template",stopped="false"} 1.0' in text
    assert 'frontdesk_stage_seconds_count{stage="retrieve"} 2.0' in text
    assert "frontdesk_turns_waiting 0.0" in text
    assert visit.id not in text


def test_a_server_that_others_reach_shows_metrics_only_for_a_key(make_desk: MakeDesk) -> None:
    desk = make_desk(public_url="https://chat.example.com")
    assert desk.client.get("/metrics").status_code == 401
    for scope, status in ((Scope.CHAT, 403), (Scope.METRICS, 200)):
        _, key = desk.parts.keys.create("watch", [scope])
        assert desk.client.get("/metrics", headers={"Authorization": f"Bearer {key}"}).status_code == status
