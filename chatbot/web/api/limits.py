"""How much a visitor and an address may ask for: token buckets in memory, the oldest forgotten first."""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from chatbot.web.api.problems import ApiError

_REMEMBERED = 50_000


@dataclass(frozen=True, slots=True)
class Rate:
    """So many in so many seconds."""

    count: int
    per_s: float


class RateLimits:
    """Token buckets by what is counted and whose it is: full at first, refilled evenly."""

    def __init__(self, now: Callable[[], float] = time.monotonic, remembered: int = _REMEMBERED) -> None:
        self._now = now
        self._remembered = remembered
        self._lock = threading.Lock()
        self._buckets: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()

    def take(self, what: str, whose: str, rate: Rate) -> None:
        """Counts one.

        Raises:
            ApiError: There are none left; it says when there will be.
        """
        now, key = self._now(), (what, whose)
        with self._lock:
            left, since = self._buckets.pop(key, (float(rate.count), now))
            left = min(float(rate.count), left + (now - since) * rate.count / rate.per_s)
            allowed = left >= 1.0
            self._buckets[key] = (left - 1.0 if allowed else left, now)
            while len(self._buckets) > self._remembered:
                self._buckets.popitem(last=False)
        if not allowed:
            wait_s = (1.0 - left) * rate.per_s / rate.count
            raise ApiError(
                429,
                "rate-limited",
                f"Too many {what}: at most {rate.count} in {rate.per_s:.0f} s are taken.",
                f"Try again in {math.ceil(wait_s)} s.",
                retry_after_s=math.ceil(wait_s),
            )
