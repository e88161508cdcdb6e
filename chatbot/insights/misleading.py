"""Articles that mislead: cited in answers that went wrong more often than chance explains.

An answer went wrong when its newest rating is a thumb down, when the customer came back to the same matter after it
(`resolution.came_back`), or when a person was asked for after it and before the next answer. Were wrong answers
spread over articles by chance, the wrong ones among those that cite an article would follow a hypergeometric
distribution (Fisher's exact test, one-sided); Benjamini and Hochberg's procedure keeps the share of innocent
articles in the list below `RATE`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from chatbot.insights.period import Period
from chatbot.insights.reading import ConversationFacts, Visitor
from chatbot.insights.resolution import came_back

RATE = 0.1
_FEWEST = 5


@dataclass(frozen=True, slots=True)
class MisleadingArticle:
    """An article with its answers.

    Attributes:
        cited: Answers that cite it.
        wrong: How many of these went wrong: `rated_badly`, `reopened` or `handed_off`, which may overlap.
        expected: How many would have, had the article no part in it.
        p_value: Chance of so many wrong ones, before the correction for the number of articles.
    """

    document_id: str
    title: str
    cited: int
    wrong: int
    rated_badly: int
    reopened: int
    handed_off: int
    expected: float
    p_value: float


class CitedCount:
    """Counts as visitors are read."""

    def __init__(self, period: Period) -> None:
        self._period = period
        self._answers = self._wrong = 0
        self._titles: dict[str, str] = {}
        self._cited: Counter[str] = Counter()
        self._bad: dict[str, Counter[str]] = {}

    def add(self, visitor: Visitor) -> None:
        """Counts the answers to one visitor's questions in the period."""
        for place, conversation in enumerate(visitor):
            if conversation.questions:
                self._add(conversation, came_back(conversation, visitor[place + 1 :]))

    def _add(self, conversation: ConversationFacts, reopened: frozenset[str]) -> None:
        questions = conversation.questions
        for place, question in enumerate(questions):
            answer = question.answer
            if answer is None or not answer.documents or not self._period.holds(question.at):
                continue
            later = [q.answer.at for q in questions[place + 1 :] if q.answer and q.answer.documents]
            handed = any(
                answer.at <= at and (not later or at < later[0]) for at in conversation.person_asked_at
            )
            signs = {
                "rated_badly": answer.rating < 0,
                "reopened": answer.id in reopened,
                "handed_off": handed,
            }
            self._answers += 1
            self._wrong += any(signs.values())
            for document_id, title in answer.documents.items():
                self._titles[document_id] = title
                self._cited[document_id] += 1
                bad = self._bad.setdefault(document_id, Counter())
                bad["wrong"] += any(signs.values())
                bad.update({name: int(sign) for name, sign in signs.items()})

    def result(self) -> tuple[MisleadingArticle, ...]:
        """The articles that stand out, the surest first."""
        tried = [self._tested(d) for d, cited in self._cited.items() if cited >= _FEWEST]
        return significant(sorted(tried, key=lambda a: (a.p_value, a.document_id)))

    def _tested(self, document_id: str) -> MisleadingArticle:
        from scipy.stats import hypergeom

        cited, bad = self._cited[document_id], self._bad[document_id]
        chance = hypergeom.sf(bad["wrong"] - 1, self._answers, self._wrong, cited)
        return MisleadingArticle(
            document_id=document_id,
            title=self._titles[document_id],
            cited=cited,
            wrong=bad["wrong"],
            rated_badly=bad["rated_badly"],
            reopened=bad["reopened"],
            handed_off=bad["handed_off"],
            expected=round(cited * self._wrong / self._answers, 2),
            p_value=float(chance),
        )


def significant(by_p_value: Sequence[MisleadingArticle], rate: float = RATE) -> tuple[MisleadingArticle, ...]:
    """Those that stay after Benjamini and Hochberg's step-up procedure (1995), given in the order of their chance."""
    kept = 0
    for rank, article in enumerate(by_p_value, 1):
        if article.p_value <= rate * rank / len(by_p_value):
            kept = rank
    return tuple(by_p_value[:kept])
