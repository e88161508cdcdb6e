"""The prompt format: one `render_conversation` for answering and for training.

Passages, screen text and the customer's words are data inside the user turn; instructions stand in the
system turn alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chatbot.errors import InputError
from chatbot.generators.base import ChatTurn, Prompt
from knowledge_base.documents import FAQ_PREFIX, Chunk

PROMPT_FORMAT = "passages-2"
ANSWER_PREFIX = "["
"""Every answer begins with the mark of its passage, so the next token chooses the passage or refuses."""
REFUSAL_NUMBER = 0
REFUSAL = "[0] I do not know."
"""What a tuned model says when no passage holds the answer; the customer reads the policy's own words instead."""
_SYSTEM = (
    "You are the customer support assistant of {company}. Answer the question in one to three short "
    "sentences, using only facts from the numbered passages. Begin each sentence with the number of its "
    "passage in brackets, like [1]. If the passages do not hold the answer, say: [0] I do not know."
)
_CUT = " … "
_SCREEN_SAYS = "The customer's screenshot says:"
_QUESTION = "Question:"


@dataclass(frozen=True, slots=True)
class Passage:
    """A numbered piece of evidence as the model sees it.

    Attributes:
        shown: What a customer who opens the source reads: the text with its section around it.
    """

    number: int
    document_id: str
    title: str
    url: str
    text: str
    shown: str = ""

    @classmethod
    def of(cls, number: int, chunk: Chunk, shown: str = "") -> "Passage":
        """Numbers a retrieved chunk; its headings become part of the title."""
        title = " > ".join((chunk.title, *chunk.heading_path))
        return cls(number, chunk.document_id.removeprefix(FAQ_PREFIX), title, chunk.url, chunk.text, shown)


@dataclass(frozen=True, slots=True)
class Question:
    """What the last user turn asks: the words, and what a screenshot or attached file shows."""

    said: str
    seen: str = ""


def render_conversation(
    company: str, history: Sequence[ChatTurn], passages: Sequence[Passage], question: Question
) -> list[ChatTurn]:
    """System turn, earlier turns, and one user turn with passages, screen text and question."""
    parts = [f"[{p.number}] {p.title}\n{p.text}" for p in passages]
    if question.seen:
        parts.append(f"{_SCREEN_SAYS}\n{question.seen}")
    parts.append(f"{_QUESTION} {question.said or 'What does this screen mean and what should I do?'}")
    return [
        ChatTurn("system", _SYSTEM.format(company=company)),
        *history,
        ChatTurn("user", "\n\n".join(parts)),
    ]


def with_screen_text(content: str, seen: str) -> str:
    """A rendered user turn that has no screen text, with one, where `render_conversation` would put it."""
    if not seen or f"\n\n{_SCREEN_SAYS}" in content:
        return content
    before, question, asked = content.rpartition(f"{_QUESTION} ")
    return f"{before}{_SCREEN_SAYS}\n{seen}\n\n{question}{asked}"


@dataclass(frozen=True, slots=True)
class FittedPrompt:
    """A prompt that fits, and the passages that are in it."""

    prompt: Prompt
    passages: tuple[Passage, ...]
    prompt_tokens: int = 0


def fit_conversation(
    company: str,
    history: Sequence[ChatTurn],
    passages: Sequence[Passage],
    question: Question,
    *,
    count_tokens: Callable[[Prompt], int],
    limit_tokens: int,
) -> FittedPrompt:
    """Drops the oldest turns, then the lowest passages but one, then screen text; never the words.

    Args:
        history: Earlier turns, question and answer in turn, oldest first.
        passages: Best first.
        limit_tokens: Longest prompt; the caller keeps room for the answer.

    Raises:
        InputError: The customer's words alone do not fit.
    """
    turns, kept, asked = list(history), list(passages), question
    while True:
        prompt = render_conversation(company, turns, kept, asked)
        prompt_tokens = count_tokens(prompt)
        if prompt_tokens <= limit_tokens:
            return FittedPrompt(prompt, tuple(kept), prompt_tokens)
        if turns:
            turns = turns[2:]
        elif len(kept) > 1:
            kept.pop()
        elif asked.seen:
            asked = Question(asked.said, _halved(asked.seen))
        elif kept:
            kept.pop()
        else:
            raise InputError("The question is longer than the model can read.", "Please shorten it.")


def _halved(text: str) -> str:
    if len(text) < 80:
        return ""
    quarter = len(text) // 4
    return text[:quarter].rstrip() + _CUT + text[-quarter:].lstrip()
