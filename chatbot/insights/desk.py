"""Insight as the page, the command and the background use it: reports of a period, and looks for surges."""

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from chatbot.database import Database
from chatbot.errors import FrontdeskError
from chatbot.insights.book import Surge, SurgeBook, Tells
from chatbot.insights.encoding import Encodes, RememberedVectors
from chatbot.insights.period import Granularity, Period
from chatbot.insights.report import Report, report
from chatbot.insights.settings import InsightSettings

log = logging.getLogger(__name__)
_FIRST_LOOK_S = 60.0
_TOLD = timedelta(days=30)


class InsightDesk:
    """Safe to use from several threads; one report at a time is made.

    Args:
        opened: Waits until the embedder is there; it may raise a `FrontdeskError`.
        zone: Time zone in which days begin.
        tells: Puts down the deliveries of an event, as `Outbox.tell` does.
    """

    def __init__(
        self,
        database: Database,
        settings: InsightSettings,
        opened: Callable[[], Encodes],
        zone: str = "UTC",
        tells: Tells = lambda session, event, data: 0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._settings = settings
        self._zone = zone
        self._clock = clock
        self.vectors = RememberedVectors(opened)
        self._book = SurgeBook(database, tells)
        self._lock = threading.Lock()

    def period(self, days: int, granularity: Granularity = Granularity.DAY) -> Period:
        """So many whole days and today."""
        return Period.last_days(days, self._clock(), granularity, self._zone)

    def report(self, period: Period, *, topics: bool = True) -> Report:
        """Everything about a period.

        Args:
            topics: Also what needs the embedder.

        Raises:
            FrontdeskError: The embedder is missing.
        """
        with self._lock:
            return report(
                self._database,
                period,
                self._clock(),
                self.vectors if topics else None,
                known=self._book.topics(self.vectors.embedder_id) if topics else (),
                rule=self._settings.rule,
                most_messages=self._settings.max_messages,
            )

    def surges(self) -> tuple[Surge, ...]:
        """Surges that last, or were seen in the last thirty days."""
        return self._book.surges(self._clock() - _TOLD)

    def look(self) -> tuple[Surge, ...]:
        """Looks for surges as of now and tells of new ones, once each; returns the new ones."""
        now, rule = self._clock(), self._settings.rule
        found = self.report(Period(now - rule.window, now, Granularity.WEEK, self._zone))
        themes = found.themes.themes if found.themes else ()
        return self._book.keep(themes, self.vectors.embedder_id, now, rule)

    def was_looked(self, within_s: float) -> bool:
        """Whether this or another process has looked so recently."""
        looked = self._book.looked_at()
        return looked is not None and self._clock() - looked < timedelta(seconds=within_s)


class InsightWatch:
    """A thread that looks again and again, where it is wanted at all.

    Args:
        also: Done after each look, such as learning what to suggest.
    """

    def __init__(self, desk: InsightDesk, every_s: float, also: Sequence[Callable[[], object]] = ()) -> None:
        self._desk = desk
        self._every_s = every_s
        self._also = also
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name="insights", daemon=True)

    def start(self) -> None:
        """Begins to look, a minute from now."""
        if self._every_s and not self._thread.is_alive():
            self._thread.start()

    def close(self) -> None:
        """Ends; a look that has begun is not waited for longer than a moment."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def _work(self) -> None:
        pause = min(_FIRST_LOOK_S, self._every_s)
        while not self._ended.wait(pause):
            pause = self._every_s
            try:
                self._look()
            except FrontdeskError as error:
                log.warning("insights could not be looked for: %s", error)
            except Exception:
                log.exception("insights could not be looked for")

    def _look(self) -> None:
        if not self._desk.was_looked(self._every_s / 2):
            for surge in self._desk.look():
                log.warning(
                    "negative messages surge on %s: %d, where %.1f were expected",
                    surge.name, surge.count, surge.expected,
                )  # fmt: skip
        for call in self._also:
            if not self._ended.is_set():
                call()
