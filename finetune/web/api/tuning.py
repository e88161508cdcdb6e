"""Routes of fine-tuning: its jobs, and the adapters that they made."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path

from chatbot.api_keys import Scope
from chatbot.web.api.messages import IdempotencyKey
from chatbot.web.api.problems import ApiError
from finetune.jobs import Jobs
from finetune.web.adapters import EVERYBODY
from finetune.web.api import views
from finetune.web.api.knowledge import JobId
from finetune.web.api.parts import OPERATOR_PROBLEMS, OperatorParts, readable

_LISTED = 100
AdapterId = Annotated[str, Path(pattern="^[a-z0-9][a-z0-9._-]{0,63}$", examples=["conversations-20260301"])]


class TuningRoutes:
    """The routes, on the parts they share.

    Args:
        jobs: All jobs of fine-tuning, also those that were started elsewhere.
    """

    def __init__(self, parts: OperatorParts, jobs: Jobs) -> None:
        self._parts = parts
        self._jobs = jobs

    def router(self) -> APIRouter:
        """All of them."""
        router = APIRouter(prefix="/api/v1/finetune", tags=["fine-tuning"], responses=OPERATOR_PROBLEMS)
        self._add_jobs(router)
        self._add_adapters(router)
        return router

    def _add_jobs(self, router: APIRouter) -> None:
        operator = Annotated[str, Depends(self._parts.operator(Scope.FINETUNE))]

        @router.get("/jobs")
        def list_tuning_jobs(who: operator) -> views.TuningJobList:
            """The newest jobs of fine-tuning, at most 100."""
            return views.TuningJobList(jobs=[views.job_view(one) for one in self._jobs.list()[:_LISTED]])

        @router.post("/jobs", status_code=202)
        def start_training(
            body: views.TrainingRequest, who: operator, idempotency_key: IdempotencyKey = ""
        ) -> views.TuningJobView:
            """Masks, builds, trains and evaluates on the imported transcripts, and stops at the gate: nothing is
            switched on. One runs at a time.
            """
            return self._start(who, idempotency_key, body)

        @router.get("/jobs/{job_id}")
        def read_tuning_job(job_id: JobId, who: operator) -> views.TuningJobView:
            """Where a job stands, with its training so far."""
            return self._view(job_id)

        @router.post("/jobs/{job_id}/cancel")
        def cancel_tuning_job(job_id: JobId, who: operator) -> views.TuningJobView:
            """Asks a job to stop at its next step; asked again, it is killed. What is done is kept."""
            with readable():
                is_live = self._jobs.status(job_id).state.is_live
                self._jobs.cancel(job_id)
            return self._changed(who, "training-cancelled" if is_live else "", job_id)

        @router.post("/jobs/{job_id}/resume")
        def resume_tuning_job(job_id: JobId, who: operator) -> views.TuningJobView:
            """Lets a job go on where it was cancelled, failed or was interrupted; others are left as they are."""
            with readable():
                before = self._jobs.status(job_id).state
                is_resumed = self._jobs.resume(job_id).state is not before
            return self._changed(who, "training-resumed" if is_resumed else "", job_id)

    def _add_adapters(self, router: APIRouter) -> None:
        operator = Annotated[str, Depends(self._parts.operator(Scope.FINETUNE))]

        @router.get("/adapters")
        def list_adapters(who: operator) -> views.ShelfView:
            """All adapters, which one answers, and what customers think of them."""
            return self._shelf()

        @router.get("/adapters/{adapter_id}")
        def read_adapter(adapter_id: AdapterId, who: operator) -> views.AdapterView:
            """One adapter, with its gate."""
            found = self._parts.adapters.shelf().find(adapter_id)
            if found is None:
                raise _no_adapter(adapter_id)
            return views.adapter_view(found)

        @router.post("/adapters/{adapter_id}/promote")
        def promote_adapter(
            adapter_id: AdapterId,
            body: views.PromotionRequest,
            who: operator,
            idempotency_key: IdempotencyKey = "",
        ) -> views.ShelfView:
            """Switches an adapter on, for everybody or on trial for a share of the conversations. `default` is the
            one that the settings name, `none` the bare base. One whose gate failed is refused without `because`.
            """
            return self._promote(who, idempotency_key, adapter_id, body)

        @router.post("/adapters/rollback")
        def roll_back(who: operator, idempotency_key: IdempotencyKey = "") -> views.ShelfView:
            """Ends a trial; without one, goes back to the adapter that answered before."""

            def change() -> Mapping[str, Any]:
                active = self._parts.adapters.rollback().active
                self._parts.audit.record(who, "adapter-rolled-back", active)
                return {}

            self._parts.make(who, idempotency_key, "rollback", change)
            return self._shelf()

        @router.delete("/adapters/{adapter_id}", status_code=204)
        def delete_adapter(adapter_id: AdapterId, who: operator) -> None:
            """Removes an adapter that does not answer."""
            if self._parts.adapters.shelf().find(adapter_id) is None:
                raise _no_adapter(adapter_id)
            self._parts.adapters.delete(adapter_id)
            self._parts.audit.record(who, "adapter-deleted", adapter_id)

    def _start(self, who: str, key: str, body: views.TrainingRequest) -> views.TuningJobView:
        def change() -> Mapping[str, Any]:
            train = body.model_dump(exclude_none=True, exclude={"minutes"})
            started = self._parts.training.start(body.minutes, train).status
            self._parts.audit.record(who, "training-started", started.id)
            return {"id": started.id}

        return self._view(self._parts.make(who, key, f"train\n{body.model_dump_json()}", change)["id"])

    def _promote(self, who: str, key: str, adapter_id: str, body: views.PromotionRequest) -> views.ShelfView:
        because = body.because.strip()

        def change() -> Mapping[str, Any]:
            typed = adapter_id if because else ""
            self._parts.adapters.promote(adapter_id, typed, body.share_percent, because=because)
            action = "adapter-promoted" if body.share_percent == EVERYBODY else "adapter-tried"
            self._parts.audit.record(
                who, action, adapter_id, share_percent=body.share_percent, because=because
            )
            return {}

        self._parts.make(who, key, f"promote {adapter_id}\n{body.model_dump_json()}", change)
        return self._shelf()

    def _shelf(self) -> views.ShelfView:
        return views.shelf_view(self._parts.adapters.shelf(), self._parts.adapters.feedback())

    def _changed(self, who: str, action: str, job_id: str) -> views.TuningJobView:
        if action:
            self._parts.audit.record(who, action, job_id)
        return self._view(job_id)

    def _view(self, job_id: str) -> views.TuningJobView:
        with readable():
            return views.tuning_job(self._jobs.status(job_id), self._jobs.progress(job_id))


def _no_adapter(adapter_id: str) -> ApiError:
    return ApiError(404, "not-found", f"There is no adapter {adapter_id!r}.", "See the list of adapters.")
