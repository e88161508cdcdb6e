"""Examples from short written passages whose questions people asked, for adapters that serve any company.

Names, prices and times are drawn anew for each context, so that only the passages can tell them. Some contexts hold
the same passage about sibling products, so that the product's name decides.
"""

import csv
import json
import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chatbot.prompt import Passage
from finetune.dataset.example import Context, Example, marked, neighbours_first
from finetune.dataset.questions import absent_question, sentence_question, varied
from finetune.errors import DatasetError
from knowledge_base.embed import TextEmbedder

COMPANIES = (
    "Almond & Finch,Brightwater,Corvid Systems,Dalewood,Eastmoor,Fernhill,Gantry,Hollis & Reed,Ironbridge,Juniper Lane,"
    "Kestrel,Larkspur,Meridian,Northgate,Oakhurst,Pemberly,Quillon,Rosedale,Silverlea,Tamarind,Umberline,Vantage,Willowby,"
    "Yarrow,Zephyr Home,Bluebell Bank,Copperfield,Driftwood,Elmstead,Foxglove"
).split(",")
_PRODUCTS = {
    "shop": "kettle,toaster,lamp,speaker,watch,camera,heater,blender,fan,scale,printer,scooter,vacuum".split(
        ","
    ),
    "plan": "Basic,Plus,Pro,Family,Team,Start,Max,Home,Light,Premium,Studio,Business".split(","),
}
_BRANDS = (
    "Aria,Bolt,Cirrus,Dune,Echo,Flint,Glow,Halo,Iris,Jade,Koa,Luma,Mira,Nova,Onyx,Quartz,Rune,Sol".split(",")
)
_CITIES = "Leeds,Bremen,Lyon,Ghent,Porto,Turin,Malmo,Graz,Cork,Utrecht,Boston,Denver".split(",")
_SLOT = re.compile(r"\{(\w+)\}")
_NEIGHBOURS = 9
_INTENT_QUESTIONS = 90


@dataclass(frozen=True, slots=True)
class Topic:
    """A short passage with places to fill in, and questions with the sentences that answer each.

    Attributes:
        questions: Pairs of question and numbers of sentences, from 0.
    """

    area: str
    title: str
    sentences: tuple[str, ...]
    questions: tuple[tuple[str, tuple[int, ...]], ...]


def load_topics(intents: Path | None) -> list[Topic]:
    """The topics that come with Frontdesk.

    Args:
        intents: Folder with intent sets (`<set>/train.csv`, columns sentence and label); topics whose questions
            are from a set that is not there keep their written questions alone.
    """
    text = resources.files("finetune").joinpath("recipes", "topics.jsonl").read_text("utf-8")
    asked = _asked_by_people(intents) if intents else {}
    topics = (_topic(json.loads(line), asked) for line in text.splitlines())
    return [topic for topic in topics if topic.questions]


def _topic(row: Mapping[str, Any], asked: Mapping[str, Sequence[str]]) -> Topic:
    written = [(q["question"], tuple(q["answer"])) for q in row["questions"]]
    people = [(question, tuple(row["answer"])) for question in asked.get(row.get("intent", ""), ())]
    return Topic(row["area"], row["title"], tuple(row["sentences"]), (*written, *people[:_INTENT_QUESTIONS]))


def _asked_by_people(folder: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path in sorted(folder.glob("*/train.csv")):
        try:
            with path.open(encoding="utf-8", newline="") as lines:
                for row in csv.DictReader(lines):
                    found.setdefault(f"{path.parent.name}:{row['label']}", []).append(row["sentence"].strip())
        except (OSError, KeyError, csv.Error) as error:
            raise DatasetError(
                f"{path.parent.name}/{path.name} is no table of sentence and label: {error}."
            ) from error
    return found


@dataclass(frozen=True, slots=True)
class _Filled:
    """A topic with its places filled in."""

    topic: Topic
    slots: Mapping[str, str]
    title: str

    @property
    def sentences(self) -> list[str]:
        return [_fill(sentence, self.slots) for sentence in self.topic.sentences]

    def ask(self, rng: random.Random) -> tuple[str, list[str]]:
        """A question and the sentences that answer it."""
        sentences = self.sentences
        if rng.random() < 0.12:
            chosen = rng.randrange(len(sentences))
            return sentence_question(sentences[chosen], self.title, rng), [sentences[chosen]]
        question, answer = rng.choice(self.topic.questions)
        return _fill(question, self.slots), [sentences[i] for i in answer]


def topic_examples(
    topics: Sequence[Topic],
    embedder: TextEmbedder,
    *,
    contexts: int,
    seed: int,
    out_of_scope: Sequence[str] = (),
) -> Iterator[Example]:
    """Examples of `contexts` prompts of three passages each, those of one prompt together.

    Args:
        embedder: Finds which topics are near each other: they make the distractors and the hard refusals.
        out_of_scope: Questions that no topic answers.
    """
    near = _nearest(topics, embedder)
    for number in range(contexts):
        rng = random.Random(f"{seed}/{number}")  # noqa: S311 (examples, not secrets)
        anchor = rng.randrange(len(topics))
        if "{x}" in topics[anchor].title and rng.random() < 0.4:
            passages, absent = _siblings(topics[anchor], rng)
        else:
            passages, absent = _neighbours(topics, near[anchor], anchor, rng)
        found = _finder(passages, embedder)
        yield from neighbours_first(
            list(_examples(passages, absent, rng, out_of_scope, f"topic-{number}", found))
        )


def _nearest(topics: Sequence[Topic], embedder: TextEmbedder) -> list[list[int]]:
    texts = [f"{topic.title}\n{' '.join(topic.sentences)}" for topic in topics]
    vectors: npt.NDArray[np.float32] = embedder.encode(texts)
    order = np.argsort(-(vectors @ vectors.T), axis=1, kind="stable")
    return [[int(j) for j in row if j != i][:_NEIGHBOURS] for i, row in enumerate(order)]


def _siblings(topic: Topic, rng: random.Random) -> tuple[list[_Filled], list[_Filled]]:
    names = _products(topic.area, rng, 5)
    filled = [_filled(topic, _slots(rng, name)) for name in names]
    return filled[:3], filled[3:]


def _neighbours(
    topics: Sequence[Topic], near: Sequence[int], anchor: int, rng: random.Random
) -> tuple[list[_Filled], list[_Filled]]:
    chosen = rng.sample(list(near), 6)
    slots = _slots(rng, _products(topics[anchor].area, rng, 1)[0])
    fresh = [
        _filled(topics[i], {**_slots(rng, slots["x"]), "currency": slots["currency"]})
        for i in (anchor, *chosen)
    ]
    passages = fresh[:3]
    rng.shuffle(passages)
    return passages, fresh[3:]


def _examples(
    passages: Sequence[_Filled],
    absent: Sequence[_Filled],
    rng: random.Random,
    out_of_scope: Sequence[str],
    source: str,
    found: Callable[[str], list[int]],
) -> Iterator[Example]:
    company = rng.choice(COMPANIES)

    def context(question: str) -> Context:
        return Context(company, tuple(_numbered(passages, found(question))))

    order = [*range(len(passages)), rng.randrange(len(passages)), rng.randrange(len(passages))]
    seen: set[str] = set()
    for index in order:
        question, answer = passages[index].ask(rng)
        if question not in seen:
            seen.add(question)
            gold = found(question).index(index) + 1
            yield context(question).example(
                _vary(question, rng), marked(answer, gold), kind="topic", source=source, gold=gold
            )
    numbered = _numbered(passages, range(len(passages)))
    for question in islice(_unanswered(numbered, absent, rng, out_of_scope), 2):
        yield context(question).refusal(_vary(question, rng), source=source)


def _numbered(passages: Sequence[_Filled], order: Iterable[int]) -> list[Passage]:
    """The passages in an order, numbered from 1."""
    shown = [passages[place] for place in order]
    return [
        Passage(n, f"topic-{n}", one.title, "", " ".join(one.sentences)) for n, one in enumerate(shown, 1)
    ]


def _finder(passages: Sequence[_Filled], embedder: TextEmbedder) -> Callable[[str], list[int]]:
    """Gives the places of the passages in the order in which a question finds them."""
    vectors = embedder.encode([f"{one.title}\n{' '.join(one.sentences)}" for one in passages])

    @cache
    def found(question: str) -> tuple[int, ...]:
        return tuple(
            int(place) for place in np.argsort(-(vectors @ embedder.encode([question])[0]), kind="stable")
        )

    return lambda question: list(found(question))


def _unanswered(
    passages: Sequence[Passage], absent: Sequence[_Filled], rng: random.Random, out_of_scope: Sequence[str]
) -> Iterator[str]:
    yield rng.choice(absent).ask(rng)[0]
    evidence = "\n".join(f"{p.title} {p.text}" for p in passages)
    detail = absent_question(rng.choice(passages).title, evidence, rng)
    if detail and rng.random() < 0.4:
        yield detail
    elif out_of_scope and rng.random() < 0.3:
        yield rng.choice(out_of_scope)
    if rng.random() < 0.25:
        yield rng.choice(absent).ask(rng)[0]


def _vary(question: str, rng: random.Random) -> str:
    return varied(question, rng) if rng.random() < 0.15 else question


def _filled(topic: Topic, slots: Mapping[str, str]) -> _Filled:
    return _Filled(topic, slots, _fill(topic.title, slots))


def _fill(text: str, slots: Mapping[str, str]) -> str:
    return _SLOT.sub(lambda match: slots[match[1]], text)


def _products(area: str, rng: random.Random, count: int) -> list[str]:
    """Names that differ in one word, like a family of products."""
    kinds = _PRODUCTS.get(area, _PRODUCTS["shop"])
    if rng.random() < 0.5:
        brand = rng.choice(_BRANDS)
        return [f"{brand} {kind}" for kind in rng.sample(kinds, count)]
    kind = rng.choice(kinds)
    return [f"{brand} {kind}" for brand in rng.sample(_BRANDS, count)]


def _slots(rng: random.Random, product: str) -> dict[str, str]:
    """Random values of every place that a topic may have."""
    low, high = sorted(rng.sample(range(2, 31), 2))
    currency = rng.choice(("€", "$", "£"))
    opens = rng.randint(6, 11)
    return {
        "x": product,
        "d": str(low),
        "d2": str(high),
        "h": str(rng.choice((2, 3, 4, 6, 8, 12, 24, 36, 48, 72))),
        "n": str(rng.randint(2, 28)),
        "n2": str(rng.randint(6, 60)),
        "a": str(rng.choice((6, 8, 12, 14, 16, 18, 21))),
        "y": str(rng.randint(2, 10)),
        "m": f"{currency}{rng.choice((2, 3, 5, 9, 12, 15, 19, 25, 39, 49, 75, 120))}",
        "m2": f"{currency}{rng.choice((90, 99, 149, 180, 210, 249, 300, 450, 900))}",
        "p": f"{rng.choice((0.5, 1, 1.5, 2, 3, 5, 10, 15, 20))}%",
        "p2": str(rng.randint(3, 9)),
        "g": str(rng.choice((5, 10, 20, 50, 100, 250))),
        "k": str(rng.choice((8000, 10000, 15000, 20000))),
        "k2": str(rng.randint(180, 2900)),
        "t": f"{opens}:{rng.choice(('00', '30'))}",
        "t2": f"{opens + rng.randint(7, 11)}:00",
        "phone": f"0{rng.randint(200, 899)} {rng.randint(100000, 999999)}",
        "code": f"{rng.choice('ABCDEFGHKLMPRSTW')}{rng.choice('ACEFKLMRST')}-{rng.randint(100, 999)}",
        "city": rng.choice(_CITIES),
        "currency": currency,
    }


def out_of_scope_questions(intents: Path) -> list[str]:
    """Sentences labelled `oos` in intent sets: nothing that a company's pages answer."""
    asked = _asked_by_people(intents)
    return [text for key, texts in sorted(asked.items()) if key.endswith(":oos") for text in texts]
