"""What a template is, and what it draws from: random choices, words and a look."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from finetune.vision_data import markup, vocabulary
from finetune.vision_data.look import DESKTOP_SIZES, TALL_SIZES, Look
from finetune.vision_data.vocabulary import FACTS, Vocabulary

ALL_SIZES = DESKTOP_SIZES + TALL_SIZES


@dataclass(frozen=True)
class Draft:
    """The choices of one screen; templates ask it for words and let it decide."""

    rng: Random
    look: Look
    words: Vocabulary
    screen_type: str

    def title(self, tag: str = "h1") -> str:
        """A title that fits the screen type, marked as the title."""
        return markup.title(self.rng.choice(self.words.titles[self.screen_type]), tag)

    def one(self, kind: str) -> str:
        """One word or sentence of a list."""
        return self.rng.choice(self.words.lists[kind])

    def some(self, kind: str, least: int, most: int) -> list[str]:
        """Several different ones of a list."""
        return self.rng.sample(self.words.lists[kind], self.rng.randint(least, most))

    def label(self, key: str) -> str:
        """A fixed label."""
        return self.words.labels[key]

    def fact(self, kind: str) -> str:
        """A made-up value, marked as one that may be asked for."""
        return markup.fact(kind, FACTS[kind](self.rng))

    def company(self) -> str:
        """A made-up company."""
        return vocabulary.company(self.rng)

    def coin(self, probability: float = 0.5) -> bool:
        """Whether something is so."""
        return self.rng.random() < probability

    def maybe_one_of(self, n: int) -> int:
        """A place below n, or -1 in half of the cases."""
        return self.rng.randrange(n) if self.coin() else -1

    def place(self, names: Sequence[str]) -> int:
        """The place of one of the names, each as likely as the others."""
        return self.rng.randrange(len(names))


@dataclass(frozen=True, slots=True)
class Template:
    """One way to lay out a screen type.

    Attributes:
        for_test: Kept for testing; nothing is trained on it.
        sizes_px: Windows it fits into.
    """

    name: str
    screen_type: str
    build: Callable[[Draft], str]
    for_test: bool
    sizes_px: tuple[tuple[int, int], ...]


TEMPLATES: dict[str, Template] = {}


def template(
    screen_type: str, *, for_test: bool = False, sizes: tuple[tuple[int, int], ...] = ALL_SIZES
) -> Callable[[Callable[[Draft], str]], Callable[[Draft], str]]:
    """Registers a function that makes the body of a page under its own name."""

    def register(build: Callable[[Draft], str]) -> Callable[[Draft], str]:
        name = build.__name__
        TEMPLATES[name] = Template(name, screen_type, build, for_test, sizes)
        return build

    return register
