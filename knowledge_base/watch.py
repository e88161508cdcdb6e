"""A folder that is kept in step while it changes."""

import threading
from collections.abc import Callable
from pathlib import Path

from knowledge_base.base import KnowledgeBase
from knowledge_base.errors import FrontdeskError
from knowledge_base.report import IngestReport, Progress, no_progress

_DEBOUNCE_MS = 1_000
_TICK_MS = 500
Told = Callable[[IngestReport | FrontdeskError], None]


def watch_folder(
    knowledge_base: KnowledgeBase,
    folder: Path,
    told: Told,
    *,
    stop: threading.Event | None = None,
    progress: Progress = no_progress,
    adopt: bool = False,
) -> None:
    """Syncs a folder at once and after every change, until it is stopped or interrupted.

    What goes wrong is told, and the next change tried again.

    Args:
        told: Called with what each sync did, or why it could not.

    Raises:
        DocumentError: There is no such folder at the start.
    """
    from watchfiles import watch

    told(knowledge_base.sync_folder(folder, progress, adopt=adopt))
    is_first = True  # what changed until the watch had begun
    changes = watch(
        folder,
        stop_event=stop,
        debounce=_DEBOUNCE_MS,
        rust_timeout=_TICK_MS,
        yield_on_timeout=True,
        ignore_permission_denied=True,
    )
    for changed in changes:
        if changed or is_first:
            try:
                report = knowledge_base.sync_folder(folder, progress, adopt=adopt)
            except FrontdeskError as error:
                told(error)
            else:
                if changed or report != IngestReport(unchanged=report.unchanged):
                    told(report)
        is_first = False
