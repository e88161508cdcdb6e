"""What a customer may want after an answer, as the API tells it: reviewed questions, and articles with their addresses.

It is empty until `chatbot.insights.suggestions` has learnt something that beats the most frequent questions.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from chatbot.errors import FrontdeskError
from chatbot.insights.suggestions import NO_SUGGESTIONS, Suggestions
from chatbot.messages import Citation
from chatbot.store import StoredMessage
from chatbot.templates import Language
from chatbot.text import is_chinese
from chatbot.web.api.wire import ArticleView, NextView

log = logging.getLogger(__name__)
_WEB = ("https://", "http://")


class Suggests(Protocol):
    """What is needed of `chatbot.insights.suggestions.Suggester`."""

    @property
    def is_offering(self) -> bool:
        """Whether anything was learnt that is worth offering."""
        ...

    def offer(self, citations: Sequence[Sequence[Citation]], language: Language) -> Suggestions:
        """What to offer after the newest of these answers."""
        ...


class NothingLearnt:
    """Offers nothing."""

    is_offering = False

    def offer(self, citations: Sequence[Sequence[Citation]], language: Language) -> Suggestions:
        """Nothing."""
        return NO_SUGGESTIONS


class NextSteps:
    """Looks at a conversation and says what may come next."""

    def __init__(self, suggester: Suggests) -> None:
        self._suggester = suggester

    def after(self, messages: Callable[[], Sequence[StoredMessage]]) -> NextView:
        """What may come after the newest answer; nothing where another message follows it, or it asks back itself.

        Args:
            messages: Reads the conversation; not called when there is nothing to offer. What goes wrong there costs
                the offer, not the answer.
        """
        if not self._suggester.is_offering:
            return NextView()
        try:
            return self._offered(messages())
        except FrontdeskError as error:
            log.warning("what may come next is not known", exc_info=error)
            return NextView()

    def _offered(self, messages: Sequence[StoredMessage]) -> NextView:
        answers = [message for message in messages if message.role == "assistant"]
        if not answers or messages[-1] is not answers[-1] or _evidence_asks(answers[-1]):
            return NextView()
        language: Language = "zh" if is_chinese(answers[-1].text) else "en"
        offered = self._suggester.offer([_citations(answer) for answer in answers], language)
        return NextView(
            questions=[step.label for step in offered.questions],
            articles=[
                ArticleView(title=step.label, url=step.url)
                for step in offered.articles
                if step.url.startswith(_WEB)
            ],
        )


def _evidence_asks(answer: StoredMessage) -> bool:
    return bool(answer.evidence and answer.evidence.options)


def _citations(answer: StoredMessage) -> tuple[Citation, ...]:
    return answer.evidence.citations if answer.evidence else ()
