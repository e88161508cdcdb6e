"""Attached pictures are read while the customer still types, so that little is left to do when they send.

One worker reads one picture after the other; what is detached before its turn, or finds too many waiting, is read when
it is sent, as if nothing were read ahead. Nothing is stored or logged of a picture that is not sent. Knows no pages:
a tab is any name.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from chatbot.errors import FrontdeskError
from chatbot.media import DecodedImage
from chatbot.privacy.looked_once import key_of

log = logging.getLogger(__name__)
_WAITING = 16
_TABS = 256
_LOOK_S, _END_S = 30.0, 10.0


class LooksAhead(Protocol):
    """What is needed of `privacy.looked_once.LookedOnce`."""

    def ahead(self, data: bytes, media_type: str) -> None:
        """Looks a picture through that may be sent soon."""
        ...

    def forget(self, key: str) -> None:
        """Drops what was found on a picture."""
        ...

    def forget_old(self) -> None:
        """Drops what has been kept long enough."""
        ...


@dataclass(eq=False, slots=True)
class _Attached:
    path: Path
    key: str = ""
    is_begun: bool = False


class ReadAhead:
    """Safe to share between threads; the worker begins with the first picture.

    Args:
        opens: `AttachmentStore.picture`: checks an upload, and gives it as it would be looked through.
        most_waiting: Pictures of all tabs that may wait for the worker.
        look_s: How often is looked for what has been kept long enough.
    """

    def __init__(
        self,
        opens: Callable[[Path, str], DecodedImage | None],
        pictures: LooksAhead,
        *,
        most_waiting: int = _WAITING,
        look_s: float = _LOOK_S,
    ) -> None:
        self._opens = opens
        self._pictures = pictures
        self._most_waiting = most_waiting
        self._look_s = look_s
        self._tabs: dict[str, list[_Attached]] = {}
        self._changed = threading.Condition()
        self._worker: threading.Thread | None = None
        self._is_closed = False

    def attached(self, tab: str, paths: Sequence[Path]) -> None:
        """Says what lies attached in a tab now; what was there before and is not any more is forgotten."""
        with self._changed:
            before = {one.path: one for one in self._tabs.pop(tab, [])}
            room = self._most_waiting - sum(not one.is_begun for one in self._all())
            kept = [before.pop(path) for path in dict.fromkeys(paths) if path in before]
            new = [_Attached(path) for path in dict.fromkeys(paths) if path not in {one.path for one in kept}]
            gone = list(before.values())
            if not self._is_closed and (now := [*kept, *new[: max(0, room)]]):
                self._tabs[tab] = now
            while len(self._tabs) > _TABS:  # browsers that went away without a word
                gone += self._tabs.pop(next(iter(self._tabs)))
            self._forget(gone)
            self._wake()

    def close(self) -> None:
        """Ends the worker; a picture that is being read is finished first, if it takes no longer than some seconds."""
        with self._changed:
            self._is_closed = True
            gone = list(self._all())
            self._tabs.clear()
            self._forget(gone)
            self._changed.notify_all()
        if self._worker:
            self._worker.join(_END_S)

    def _all(self) -> Iterator[_Attached]:
        return (one for attached in self._tabs.values() for one in attached)

    def _forget(self, gone: Sequence[_Attached]) -> None:
        still = {one.key for one in self._all()}
        for one in gone:
            if one.key and one.key not in still:
                self._pictures.forget(one.key)

    def _wake(self) -> None:
        if self._worker is None and self._tabs:
            self._worker = threading.Thread(target=self._work, name="reading-ahead", daemon=True)
            self._worker.start()
        self._changed.notify_all()

    def _work(self) -> None:
        while one := self._next():
            self._read(one)
            with self._changed:
                if not any(one is other for other in self._all()):
                    self._forget([one])

    def _next(self) -> _Attached | None:
        """The next picture, once there is one; None at the end."""
        with self._changed:
            while not self._is_closed:
                self._pictures.forget_old()
                for one in self._all():
                    if not one.is_begun:
                        one.is_begun = True
                        return one
                self._changed.wait(self._look_s)
        return None

    def _read(self, one: _Attached) -> None:
        try:
            image = self._opens(one.path, one.path.name)
            if image is not None:
                one.key = key_of(image.data, image.media_type)
                self._pictures.ahead(image.data, image.media_type)
        except FrontdeskError:
            return  # said when it is sent
        except Exception as error:  # noqa: BLE001 (engines raise anything, and may quote the picture)
            log.warning("a picture could not be read ahead (%s)", type(error).__name__)
