"""How a model is asked about a screen: one prompt for training the projector, for describing and for measuring it."""

from collections.abc import Sequence

from chatbot.generators.base import ChatTurn

SEEN_CHARS = 600
"""Text of the screen that the prompt holds at most: the rest of a long page says little about the screen."""
DESCRIBE = "Describe this screen in one sentence."
_SYSTEM = "You look at the customer's screenshot and answer in a few words."
_CUT = " …"


def ask_about_screen(question: str, seen: str, choices: Sequence[str] = ()) -> list[ChatTurn]:
    """A system turn and one user turn; the picture, if any, goes beside them.

    Args:
        seen: What was read on the screen; empty when nothing was.
        choices: The answers there are, of a closed question.
    """
    parts = [f"The screen says:\n{_cut(seen)}"] if seen.strip() else []
    parts.append(f"Question: {question}")
    if choices:
        parts.append(f"Choose one of: {', '.join(choices)}.")
    return [ChatTurn("system", _SYSTEM), ChatTurn("user", "\n\n".join(parts))]


def _cut(text: str) -> str:
    text = text.strip()
    return text if len(text) <= SEEN_CHARS else text[:SEEN_CHARS].rstrip() + _CUT
