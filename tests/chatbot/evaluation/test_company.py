"""Whole turns of a help centre: what counts as right, what as unsupported, and a small one with the real models."""

import json
from pathlib import Path

import pytest

from chatbot.errors import InputError
from chatbot.evaluation.company import evaluate_company, unsupported
from chatbot.evaluation.rows import Questions
from chatbot.messages import Citation, Decision, Done
from chatbot.settings import Settings
from tests.conftest import ModelFiles

PASSAGE = "You have 45 days. It costs 4.90 €, see https://wren.example/returns or WR-104. 退货期为45天。"


def done(text: str) -> Done:
    citation = Citation(1, "returns", "Returns", "https://wren.example/r", PASSAGE, PASSAGE)
    return Done("c", "m", text, Decision.GENERATE, (citation,), {})


@pytest.mark.parametrize(
    ("said", "invented"),
    [
        ("You have 45 days. [1]", ()),
        ("It costs **4.90 €** (see https://wren.example/returns). [1]", ()),
        ("退货期为45天。[1]", ()),
        ("退货期为30天。[1]", ("30",)),
        ("You have 5 days, or 90. [1]", ("5", "90")),
        ("Write to me@evil.example, or see evil.example. [1]", ("me@evil.example", "evil.example")),
        ("WR-104 is not WR-105. [1]", ("WR-105",)),
        ("Press WPS for 45 days. [1]", ("WPS",)),
        ("It costs $45. [1]", ("$45",)),
    ],
)
def test_what_nothing_cited_holds_is_named(said: str, invented: tuple[str, ...]) -> None:
    assert unsupported(done(said)) == invented


@pytest.mark.parametrize("relevant", ["returns", None])
def test_a_row_without_a_list_of_what_answers_it_is_told_before_a_model_loads(
    tmp_path: Path, settings: Settings, relevant: object
) -> None:
    row = {"question": "How long?", "relevant": relevant}
    (tmp_path / "questions.jsonl").write_text(json.dumps(row), encoding="utf-8")
    with pytest.raises(InputError, match=r"Row 1 .* list of what answers it"):
        evaluate_company(tmp_path, settings)


@pytest.fixture
def company(tmp_path: Path) -> Path:
    folder = tmp_path / "company"
    (folder / "articles").mkdir(parents=True)
    (folder / "articles" / "kettle.md").write_text(
        "# Warranty of the kettle\n\nThe warranty of the kettle is 30 months from purchase.\n",
        encoding="utf-8",
    )
    header = "id,language,question,phrasings,answer,article\n"
    row = "f1,en,Is there a warranty on the kettle?,kettle warranty length,The kettle has 30 months.,kettle\n"
    (folder / "faq.csv").write_text(header + row, encoding="utf-8")
    (folder / "faq_zh.csv").write_text(header + "f2,zh,水壶保修多久？,,30个月。,kettle\n", encoding="utf-8")
    rows = [
        {"question": "Is there a warranty on the kettle?", "relevant": ["kettle"]},
        {"question": "Who won the football match?", "relevant": []},
    ]
    (folder / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return folder


@pytest.mark.models
@pytest.mark.timeout(600)
def test_a_small_company_with_the_real_models(company: Path, tmp_path: Path, model_files: ModelFiles) -> None:
    settings = Settings(data_dir=tmp_path / "d", models_dir=model_files.folder)
    written = evaluate_company(company, settings)
    assert written.metrics == {
        "answered_rate": 1.0,
        "right_source_rate": 1.0,  # by the reviewed answer, which stands for its article
        "false_answer_rate": 0.0,
        "generated": 0.0,
        "unsupported": 0.0,
    }
    own = evaluate_company(company, settings, Questions.OWN, last=3)
    assert own.n == 3
    assert own.metrics["generated"] == 3.0, "the reviewed answers are gone"
    assert own.metrics["right_source_rate"] == 1.0
    assert own.metrics["unsupported"] == 0.0
