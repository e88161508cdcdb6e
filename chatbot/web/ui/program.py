"""The chat for programs that speak Gradio's API: the one step of the page that has a name. Nothing of it is shown."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import gradio as gr

from chatbot.errors import FrontdeskError
from chatbot.web.ui.chat import ChatPage, View, Visit

NAME = "chat"
Here = tuple[str, str]
"""Visitor and conversation, both empty before the first question."""


class ProgramPart:
    """A question with its files in, the answer out as Markdown while it grows, its sources below once it is complete.

    What one client asks is one conversation. Limits and quotas are those of the page.

    Args:
        accepted: Kinds of files, as for the page's own box.
        visit: Makes the visit of a request.
    """

    def __init__(
        self, chat: ChatPage, accepted: Sequence[str], visit: Callable[[str, str, gr.Request], Visit]
    ) -> None:
        self._chat = chat
        self._visit = visit
        self._here = gr.State(("", ""))
        self._asked = gr.MultimodalTextbox(
            label="message", file_count="multiple", file_types=list(accepted), visible=False
        )
        self._answer = gr.Textbox(label="answer", visible=False)

    def wire(self, **answers: Any) -> None:
        """Gives the step its name.

        Args:
            answers: How many answers are made at once, as for the page's own steps.
        """
        self._asked.submit(
            self._ask, [self._asked, self._here], [self._answer, self._here], api_name=NAME, **answers
        )

    def _ask(self, value: dict[str, Any], here: Here, request: gr.Request) -> Iterator[tuple[str, Here]]:
        text, uploads = value.get("text") or "", value.get("files") or []
        try:
            visit, message = self._chat.admit(self._visit(*here, request), text, uploads)
        except FrontdeskError as error:
            raise gr.Error(str(error)) from error
        here = visit.visitor_id, visit.conversation_id
        views = self._chat.send(visit, message)
        told, before = "", len(next(views).messages)
        for view in views:
            if (now := _said(view, before)) != told:
                told = now
                yield told, here
        yield "\n\n".join([told, *_sources(self._chat, visit)]), here


def _said(view: View, before: int) -> str:
    """The answer and what is to be noticed about it; the cards of its sources are for browsers."""
    contents = (message["content"] for message in view.messages[before:])
    return "\n\n".join(content for content in contents if isinstance(content, str))


def _sources(chat: ChatPage, visit: Visit) -> Iterator[str]:
    newest = chat.stored(visit)[-1]
    for citation in newest.evidence.citations if newest.evidence else ():
        yield f"[{citation.number}] {citation.title} {citation.url}".rstrip()
