"""One customer in one conversation: asks, follows the events, and resumes them like a browser."""

import asyncio
import time
import uuid
from collections.abc import Callable
from typing import Any

import httpx

from chatbot.load.ledger import AskedTurn, Frames, Ledger
from chatbot.load.questions import AskedQuestion

_RETRY_S = 1.0
_BUSY = 503


class Customer:
    """A browser tab's part of the API.

    Args:
        url: The server's address.
        is_patient: Whether the server may be away, as when it is restarted on purpose.
    """

    def __init__(self, client: httpx.AsyncClient, url: str, is_patient: Callable[[], bool]) -> None:
        self._client = client
        self._base = f"{url}/api/v1/conversations"
        self._is_patient = is_patient
        self._path = ""
        self._token = ""
        self._changed = asyncio.Event()
        self.ledger = Ledger()
        self.resumed = 0
        """How often the stream broke off and was taken up again."""

    async def start(self) -> None:
        """Begins a conversation.

        Raises:
            httpx.HTTPError: The server does not take it.
        """
        started = (await self._client.post(self._base, json={})).raise_for_status().json()
        self._path = f"{self._base}/{started['conversation']['id']}"
        self._token = str(started["token"])

    async def ask(self, question: AskedQuestion) -> AskedTurn | None:
        """Sends a question; with the same key again where the server is away. None when it is refused."""
        turn = AskedTurn(question, time.monotonic())
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        while True:
            answer = await self._try("POST", "/messages", headers, json={"text": question.text})
            if answer is not None and answer.status_code == 202:
                return self.ledger.accepted(turn, str(answer.json()["turn_id"]), time.monotonic())
            if not self._is_patient():
                said = (
                    "the server cannot be reached"
                    if answer is None
                    else f"{answer.status_code} {answer.text}"
                )
                self.ledger.problems.append(f"a question was refused: {said}")
                return None
            await asyncio.sleep(_RETRY_S)

    async def until(self, is_there: Callable[[], bool], patience_s: float) -> bool:
        """Waits for the stream to tell something; False when the time is over."""
        ends_s = time.monotonic() + patience_s
        while not is_there():
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), ends_s - time.monotonic())
            except TimeoutError:
                return is_there()
        return True

    async def follow(self) -> None:
        """Reads the events until it is cancelled, from the last one that was seen whenever the stream ends."""
        while True:
            try:
                await self._read()
            except httpx.HTTPError as error:
                if not self._is_patient():
                    self.ledger.problems.append(f"the stream broke: {type(error).__name__} {error}")
            self.resumed += 1
            await asyncio.sleep(_RETRY_S)

    async def check_kept(self) -> None:
        """Reads the conversation as the server keeps it, and closes the books."""
        self.ledger.close()
        answer = await self._try("GET", "", {})
        if answer is None or answer.is_error:
            self.ledger.problems.append("the conversation cannot be read again")
        else:
            self.ledger.compare(answer.json()["messages"])

    async def _read(self) -> None:
        headers = {**self._headers(), "Last-Event-ID": str(self.ledger.last_seq)}
        frames = Frames()
        async with self._client.stream("GET", f"{self._path}/events", headers=headers) as response:
            response.raise_for_status()
            self._renew(response)
            async for data in response.aiter_bytes():
                now_s = time.monotonic()
                for told in frames.feed(data):
                    self.ledger.take(told, now_s)
                self._changed.set()

    async def _try(
        self, method: str, path: str, headers: dict[str, str], **more: Any
    ) -> httpx.Response | None:
        """None when the server cannot be reached, or ends."""
        try:
            answer = await self._client.request(
                method, f"{self._path}{path}", headers={**self._headers(), **headers}, **more
            )
        except httpx.TransportError:
            return None
        self._renew(answer)
        return None if answer.status_code == _BUSY and self._is_patient() else answer

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}

    def _renew(self, answer: httpx.Response) -> None:
        self._token = answer.headers.get("Frontdesk-Token", self._token)
