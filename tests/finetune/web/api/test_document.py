"""The OpenAPI document is true of the routes for the company's programs too, and each of them has examples."""

import sys
from typing import Any

import hypothesis
import schemathesis

from tests.finetune.web.api.conftest import Bureau, MakeBureau
from tests.web.api.test_document import CHECKS, FUZZING


def test_every_request_of_the_company_has_a_documented_answer(make_bureau: MakeBureau) -> None:
    bureau = make_bureau(public_url="http://testserver")
    bureau.jobs._worker = (sys.executable, "-c", "")  # training that ends at once
    bureau.add("returns.md", "# Returns\n\nWithin 45 days.")
    schema = schemathesis.openapi.from_asgi("/openapi.json", bureau.app)
    found = [each.ok() for each in schema.get_all_operations()]
    parts = ("/api/v1/knowledge", "/api/v1/finetune", "/api/v1/customers")
    operations = [one for one in found if one.path.startswith(parts)]
    assert len(operations) == 22
    key = bureau.key()
    for operation in operations:
        _fuzz(operation, key)


def _fuzz(operation: Any, key: dict[str, str]) -> None:
    @hypothesis.given(case=operation.as_strategy())
    @FUZZING
    def answers(case: Any) -> None:
        case.validate_response(case.call(headers=key), checks=CHECKS)

    answers()


def test_requests_and_answers_have_examples(bureau: Bureau) -> None:
    schemas = bureau.client.get("/openapi.json").json()["components"]["schemas"]
    assert schemas["AddressRequest"]["properties"]["url"]["examples"] == ["https://help.example.com/returns"]
    assert schemas["KnowledgeJobView"]["properties"]["kind"]["examples"] == ["documents"]
    assert schemas["TrainingRequest"]["properties"]["minutes"]["examples"] == [25]
