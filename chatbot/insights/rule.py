"""When a surge of negative messages is told; what it means is in `surge.py`."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class SurgeRule:
    """When a surge is told.

    Attributes:
        level: Chance of any false alarm in one look.
        window: Length of a window.
        history: How far back the history goes.
    """

    level: float = 0.01
    min_count: int = 5
    min_ratio: float = 1.5
    window: timedelta = timedelta(days=1)
    history: timedelta = timedelta(days=28)

    @property
    def windows(self) -> int:
        """How many windows there are, the last one included."""
        return 1 + int(self.history / self.window)


DEFAULT_RULE = SurgeRule()
