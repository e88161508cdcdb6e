"""What the refusal of a recipe's adapter is fitted on: three kinds of question, none of them a training example's.

The help centre of the people's questions is invented and written for this (`recipes/calibration/`). Nothing of the
example company or of the held-out company is among them.
"""

import json
from importlib import resources
from pathlib import Path

from finetune.evaluation_rows import EvaluationRow
from finetune.protocols import heading_questions, human_questions
from finetune.recipe import Recipe, unseen_articles
from knowledge_base.atomic import write_atomically
from knowledge_base.base import KnowledgeBase
from knowledge_base.embed import TextEmbedder
from knowledge_base.settings import KnowledgeBaseSettings

_COMPANY = "Tarn"


def calibration_rows(
    recipe: Recipe, data: Path, work: Path, embedder: TextEmbedder
) -> dict[str, list[EvaluationRow]]:
    """Rows by kind: headings of articles that no example is made of, some of their words, and what people ask.

    The second kind is there since a help centre's own headings are found word for word, and those of customers are not.

    The validation part is not among them: its questions are made as the training's are, and the model doubts them less.

    Args:
        work: Folder for what is in between.

    Raises:
        EvaluationError: Data are missing or not as they should be.
    """
    headings, keywords = (_headings(recipe, data, work, as_keywords=wanted) for wanted in (False, True))
    half = len(headings) // 2
    return {"headings": headings[:half], "keywords": keywords[half:], "people": _people(work, embedder)}


def _headings(recipe: Recipe, data: Path, work: Path, *, as_keywords: bool) -> list[EvaluationRow]:
    articles = work / "unseen-articles.jsonl"
    lines = (json.dumps(row) + "\n" for row in unseen_articles(recipe, data))
    write_atomically(articles, "".join(lines).encode())
    wanted = recipe.calibration_headings
    return heading_questions(articles, n=wanted, seed=recipe.seed, as_keywords=as_keywords)


def _people(work: Path, embedder: TextEmbedder) -> list[EvaluationRow]:
    """Each question with the passages that are found; those that are answered once more without what answers them."""
    shipped = resources.files("finetune").joinpath("recipes", "calibration")
    with resources.as_file(shipped) as folder:
        found = KnowledgeBase(work / "calibration-base", embedder, KnowledgeBaseSettings())
        try:
            found.add_path(folder / "articles.jsonl")
            questions = folder / "questions.jsonl"
            return [
                *human_questions(questions, found, company=_COMPANY),
                *human_questions(questions, found, company=_COMPANY, withheld=True),
            ]
        finally:
            found.close()
