"""Puts the routes for the company's programs and people into a web application that has the API's parts."""

from fastapi import FastAPI

from chatbot.web.api.mount import add_router
from finetune.jobs import Jobs
from finetune.web.api.customers import CustomerRoutes
from finetune.web.api.knowledge import KnowledgeRoutes
from finetune.web.api.parts import OperatorParts
from finetune.web.api.tuning import TuningRoutes


def add_operator_api(app: FastAPI, parts: OperatorParts, jobs: Jobs) -> None:
    """Adds the routes, before `chatbot.web.api.mount.add_api`.

    Args:
        jobs: Those of fine-tuning.
    """
    add_router(app, KnowledgeRoutes(parts).router())
    add_router(app, TuningRoutes(parts, jobs).router())
    add_router(app, CustomerRoutes(parts, jobs).router())
