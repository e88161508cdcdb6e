"""The embedder fitted to content: what is paired, what is held out, what is kept."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from chatbot.cli import cli
from chatbot.embedder_tuning import tune_embedder, undo_tuning
from chatbot.errors import InputError, StorageError
from chatbot.services import Services, open_embedder
from chatbot.settings import Settings
from chatbot.tuned_embedder import choose_embedder, chosen_embedder, embedders_path
from knowledge_base.base import KnowledgeBase
from knowledge_base.documents import Chunk, Document, FaqEntry
from knowledge_base.embed import Embedder
from knowledge_base.embed_backends import Vectors
from knowledge_base.errors import DocumentError
from knowledge_base.items import Item
from knowledge_base.tuning.measure import Difference, differences, sample, stripped
from knowledge_base.tuning.pairs import (
    Accepted,
    Pair,
    Question,
    group_of,
    held_out_questions,
    is_held_out,
    training_pairs,
)
from knowledge_base.tuning.train import Recipe, batches, train
from knowledge_base.tuning.tune import verdict
from tests.knowledge_base.test_embed import make_model

NONE = np.zeros((0, 4), np.float32)


def vectors(n: int) -> Vectors:
    return np.eye(4, dtype=np.float32)[np.arange(n) % 4]


def faq(identifier: str, *phrasings: str, article: str = "", answer: str = "Hold the button.") -> Item:
    entry = FaqEntry(identifier, phrasings[0], answer, phrasings[1:], article_id=article)
    passage = Chunk(f"faq:{identifier}#0", f"faq:{identifier}", phrasings[0], answer, 0, len(answer))
    return Item(entry, "1", (passage,), vectors(1), phrasings, vectors(len(phrasings)))


def article(identifier: str, heading: str = "Amber") -> Item:
    text = f"## {heading}\n\nHold the reset button until the light is amber."
    chunk = Chunk(f"{identifier}#0", identifier, "The light", text, 0, len(text), (heading,))
    return Item(Document(identifier, "The light", text), "1", (chunk,), vectors(1), (), NONE)


HELD = next(f"group-{i}" for i in range(100) if is_held_out(f"group-{i}"))
LEARNT = next(f"group-{i}" for i in range(100) if not is_held_out(f"group-{i}"))


def test_about_a_fifth_of_the_groups_is_held_out_and_always_the_same() -> None:
    held = [is_held_out(f"article-{i}") for i in range(2_000)]
    assert 0.17 < sum(held) / len(held) < 0.23
    assert held == [is_held_out(f"article-{i}") for i in range(2_000)]


def test_a_faq_entry_is_on_the_side_of_its_article() -> None:
    assert group_of(faq("f", "What is amber?", article="light")) == group_of(article("light"))
    assert group_of(faq("f", "What is amber?")) != group_of(faq("g", "What is amber?"))


def test_phrasings_headings_and_accepted_questions_are_paired() -> None:
    items = [faq("f", "What is amber?", "light is amber", article=LEARNT), article(LEARNT)]
    pairs = training_pairs(items, [Accepted("why amber", LEARNT), Accepted("nothing", "gone")])
    found = {(pair.query, pair.passage, pair.kind) for pair in pairs}
    bare = "Hold the reset button until the light is amber."
    assert found == {
        ("What is amber?", "Hold the button.", "phrasing"),
        ("light is amber", "What is amber?", "phrasing"),
        ("light is amber", "Hold the button.", "phrasing"),
        ("The light Amber", bare, "heading"),  # the passage does not repeat its heading
        ("why amber", f"The light > Amber\n## Amber\n\n{bare}", "accepted"),
    }
    assert {pair.group for pair in pairs} == {LEARNT}


def test_nothing_held_out_is_learnt_and_nothing_learnt_is_asked() -> None:
    items = [faq(f"f{i}", f"question {i}", f"other {i}", article=f"article-{i}") for i in range(200)]
    items += [article(f"article-{i}") for i in range(200)]
    accepted = [Accepted(f"accepted {i}", f"article-{i}") for i in range(200)]
    learnt = {pair.group for pair in training_pairs(items, accepted)}
    asked = {question.group for question in held_out_questions(items, accepted)}
    assert learnt
    assert asked
    assert not learnt & asked
    assert {q.kind for q in held_out_questions(items, accepted)} == {"phrasing", "heading", "accepted"}


def test_what_would_give_a_held_out_question_away_is_not_searched() -> None:
    entry, page = stripped(
        [faq("f", "What is amber?", "light is amber", article=HELD), article(HELD, "Amber")]
    )
    assert entry.phrasings == ("What is amber?",)
    assert entry.record.all_phrasings == ("What is amber?",)  # type: ignore[union-attr]
    assert "Amber" not in page.chunks[0].embedding_text
    learnt = article(LEARNT)
    assert stripped([learnt]) == [learnt]


def test_a_sample_holds_all_that_is_asked_about() -> None:
    items = [article(f"a{i}") for i in range(50)]
    few = sample(items, [Question("?", "a7", "a7", "heading")], 10)
    assert len(few) == 10
    assert items[7] in few


def test_a_batch_holds_no_group_twice_and_a_round_nearly_every_pair() -> None:
    pairs = [Pair(f"q{i}", f"p{i}", f"g{i % 20}", "phrasing") for i in range(200)]
    done = batches(pairs, 8, random.Random(1))
    assert all(len({pair.group for pair in batch}) == len(batch) <= 8 for batch in done)
    used = [pair for batch in done for pair in batch]
    assert len(used) == len(set(used)) > 180
    assert done == batches(pairs, 8, random.Random(1))
    assert batches(pairs[:1], 8, random.Random(1)) == []


def difference(low: float, high: float) -> Difference:
    return Difference(0.5, 0.5 + (low + high) / 2, low, high)


@pytest.mark.parametrize(
    ("mrr", "recall", "false", "kept"),
    [
        ((0.01, 0.03), (-0.01, 0.02), (-0.02, 0.01), True),
        ((-0.01, 0.03), (-0.01, 0.02), (-0.02, 0.01), False),  # within noise
        ((0.01, 0.03), (-0.03, -0.01), (-0.02, 0.01), False),  # the answer is lost from the first five
        ((0.01, 0.03), (-0.01, 0.02), (0.01, 0.04), False),  # other passages pass for evidence
    ],
)
def test_only_what_is_better_beyond_noise_is_kept(mrr, recall, false, kept) -> None:
    figures = {
        "mrr": difference(*mrr),
        "recall_at_5": difference(*recall),
        "false_evidence": difference(*false),
    }
    assert verdict(figures)[0] is kept


def test_questions_about_the_same_are_drawn_together() -> None:
    """Fifty phrasings of one entry are one piece of evidence, not fifty."""
    before, after = np.zeros((51, 4)), np.zeros((51, 4))
    after[:50, 2] = 1.0
    one = [Question(str(i), "a", "a", "phrasing") for i in range(50)] + [Question("x", "b", "b", "phrasing")]
    many = [Question(str(i), str(i), str(i), "phrasing") for i in range(51)]
    assert differences(before, after, one)["mrr"].low == 0.0
    assert differences(before, after, many)["mrr"].low > 0.8


@pytest.fixture(autouse=True)
def without_exports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every other model would be exported to ONNX in a process of its own, which takes longer than these tests."""
    monkeypatch.setattr("knowledge_base.embed.exported", lambda *_: None)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("base"))


def learnable() -> list[Pair]:
    asked = ["hold the", "light is amber", "router restarts", "reset again", "button and"]
    meant = ["restarts again", "button", "the light", "amber is", "hold and"]
    return [Pair(q, p, str(i), "phrasing") for i, (q, p) in enumerate(zip(asked, meant, strict=True))]


def test_training_brings_pairs_together_and_the_same_seed_the_same_weights(
    model: Path, tmp_path: Path
) -> None:
    recipe = Recipe(epochs=60, batch=8, learning_rate=3e-3, new_weight=1.0)
    told: list[tuple[int, int, str]] = []
    for name in ("a", "b"):
        train(model, tmp_path / name, learnable(), recipe, 1, lambda *step: told.append(step))
    assert told[0][:2] == (0, 60)
    assert told[-1][2].startswith("loss ")
    queries, passages = ([getattr(pair, side) for pair in learnable()] for side in ("query", "passage"))

    def right(folder: Path) -> float:
        embedder = Embedder(folder)
        cosines = embedder.encode(queries, "query") @ embedder.encode(passages).T
        return float((cosines.argmax(axis=1) == np.arange(len(queries))).mean())

    assert right(tmp_path / "a") == 1.0 > right(model)
    assert Embedder(tmp_path / "a").id == Embedder(tmp_path / "b").id != Embedder(model).id


def test_no_weight_of_the_new_one_is_the_old_one(model: Path, tmp_path: Path) -> None:
    train(model, tmp_path / "same", learnable(), Recipe(epochs=2, new_weight=0.0), 1, lambda *_: None)
    assert np.allclose(
        Embedder(tmp_path / "same").encode(["hold"]), Embedder(model).encode(["hold"]), atol=1e-6
    )


def test_too_little_to_learn_from_is_said(model: Path, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, embedder=str(model), example_company=False)
    with pytest.raises(DocumentError, match="0 pairs to learn from"):
        tune_embedder(settings, Recipe())


WORDS = "hold the reset button light is amber and router restarts again".split()


def company(folder: Path, entries: int = 90) -> Path:
    """Entries whose further phrasings are made of other words than their main question."""
    rng = random.Random(5)
    rows = ["id,language,question,phrasings,answer"]
    for i in range(entries):
        first, *others = (" ".join(rng.sample(WORDS, 4)) for _ in range(3))
        rows.append(f"e{i},en,{first} {i},{' | '.join(others)},{' '.join(rng.sample(WORDS, 5))} {i}")
    (folder / "faq.csv").write_text("\n".join(rows))
    return folder / "faq.csv"


@pytest.fixture
def settings(model: Path, tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", embedder=str(model), example_company=False)


@pytest.fixture
def filled(settings: Settings, tmp_path: Path) -> Settings:
    services = Services(settings)
    assert services.knowledge_base().add_path(company(tmp_path)).added == 90
    services.close()
    return settings


def test_what_is_no_better_is_not_kept(filled: Settings) -> None:
    """There is nothing to learn in words drawn by chance."""
    tuned = tune_embedder(filled, Recipe(epochs=1, learning_rate=1e-6))
    assert tuned.folder is None
    assert tuned.reason.startswith("Not kept")
    assert tuned.pairs > 200
    assert tuned.questions >= 20
    assert list(embedders_path(filled).iterdir()) == []
    assert chosen_embedder(filled) is None


def keep_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("knowledge_base.tuning.tune.verdict", lambda _: (True, "Kept."))


def test_what_is_kept_is_used_with_an_index_of_its_own_and_can_be_taken_back(
    filled: Settings, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_all(monkeypatch)
    tuned = tune_embedder(filled, Recipe(epochs=1, learning_rate=1e-3))
    assert tuned.folder == chosen_embedder(filled)
    services = Services(filled)
    knowledge_base = services.knowledge_base()
    assert knowledge_base.embedder_id == tuned.folder.name != Embedder(model).id
    assert knowledge_base.stats().faq_entries == 90
    knowledge_base.add_entry(FaqEntry("new", "amber router?", "Hold the button."))
    knowledge_base.add_entry(FaqEntry("e1", "light again?", "It restarts."))
    knowledge_base.remove_document("faq:e0")
    services.close()

    undo_tuning(filled)
    services = Services(filled)
    knowledge_base = services.knowledge_base()
    assert knowledge_base.embedder_id == Embedder(model).id
    ids = {entry.id for entry in knowledge_base.faq_entries()}
    assert "new" in ids
    assert "e0" not in ids
    assert knowledge_base.faq("e1").question == "light again?"  # type: ignore[union-attr]
    services.close()
    with pytest.raises(InputError, match="No tuned embedder"):
        undo_tuning(filled)


def test_until_the_new_index_is_whole_the_old_one_is_used(
    filled: Settings, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_all(monkeypatch)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(KnowledgeBase, "mirror", killed)
    with pytest.raises(KeyboardInterrupt):
        tune_embedder(filled, Recipe(epochs=1))
    assert chosen_embedder(filled) is None
    monkeypatch.undo()
    keep_all(monkeypatch)
    assert tune_embedder(filled, Recipe(epochs=1)).folder == chosen_embedder(filled)


def test_measuring_alone_keeps_nothing(filled: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_all(monkeypatch)
    assert tune_embedder(filled, Recipe(epochs=1), use=False).folder is None
    assert not embedders_path(filled).exists()


def test_a_tuned_one_is_of_no_use_to_another_embedder(
    settings: Settings, model: Path, tmp_path: Path
) -> None:
    other = make_model(tmp_path / "other", seed=3)
    folder = embedders_path(settings) / "tuned"
    train(model, folder, learnable(), Recipe(epochs=1), 1, lambda *_: None)
    choose_embedder(settings, folder)
    assert chosen_embedder(settings) == folder
    changed = settings.model_copy(update={"embedder": str(other)})
    services = Services(changed)
    assert open_embedder(changed, services.models).id == Embedder(other).id
    services.close()
    (folder / "modules.json").unlink()
    with pytest.raises(StorageError, match="tuned embedder tuned is missing"):
        chosen_embedder(settings)


def test_the_command_says_what_was_gained_and_takes_it_back(
    filled: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_all(monkeypatch)
    monkeypatch.setenv("FRONTDESK_DATA_DIR", str(filled.data_dir))
    monkeypatch.setenv("FRONTDESK_EMBEDDER", filled.embedder)
    monkeypatch.setenv("FRONTDESK_EXAMPLE_COMPANY", "false")
    told = CliRunner().invoke(cli, ["kb", "tune", "--epochs", "1", "--json"])
    assert told.exit_code == 0, told.output
    result = json.loads(told.stdout)
    assert result["kept"] is True
    assert set(result["metrics"]) == {"recall_at_1", "recall_at_5", "mrr", "false_evidence"}
    assert set(result["metrics"]["mrr"]) == {"before", "after", "low", "high"}
    undone = CliRunner().invoke(cli, ["kb", "tune", "--undo"])
    assert "Restart the server" in undone.output
    assert CliRunner().invoke(cli, ["kb", "tune", "--undo"]).exit_code == 1
