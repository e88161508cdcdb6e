"""Puts the routes of the knowledge base and of fine-tuning into a web application that has the API's parts."""

from fastapi import FastAPI

from finetune.jobs import Jobs
from finetune.web.api.knowledge import KnowledgeRoutes
from finetune.web.api.parts import OperatorParts
from finetune.web.api.tuning import TuningRoutes


def add_operator_api(app: FastAPI, parts: OperatorParts, jobs: Jobs) -> None:
    """Adds the routes; whoever refuses other paths of the API comes after.

    Args:
        jobs: Those of fine-tuning.
    """
    app.include_router(KnowledgeRoutes(parts).router())
    app.include_router(TuningRoutes(parts, jobs).router())
