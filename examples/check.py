"""Check the example help centre: counts, ids, references between the files, and the files they name."""

import csv
import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
ARTICLES = HERE / "articles"
COLUMNS = ["id", "language", "question", "phrasings", "answer", "article"]
ARTICLE_KEYS = {"id", "title", "url", "product", "updated"}
QUESTION_KEYS = {"question", "relevant", "answer", "language", "kind"}
MEDIA_KEYS = {"image": {"image", "relevant", "text", "visible"}, "audio": {"audio", "text", "relevant"}}
LEAST_ARTICLES, LEAST_FAQ, QUESTIONS, UNANSWERABLE = 40, 80, 150, 40


def read_articles(problems: list[str]) -> list[str]:
    """The article ids; a front matter with missing keys or a missing image is a problem."""
    ids = []
    for path in sorted(ARTICLES.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        parts = re.split(r"^---\n", text, maxsplit=2, flags=re.MULTILINE)
        matter = yaml.safe_load(parts[1]) if len(parts) == 3 and not parts[0] else None
        if not isinstance(matter, dict) or not matter.keys() >= ARTICLE_KEYS:
            problems.append(f"{path.name}: the front matter needs {', '.join(sorted(ARTICLE_KEYS))}")
            continue
        ids.append(str(matter["id"]))
        problems += [
            f"{path.name}: the image {image} is missing"
            for image in re.findall(r"!\[[^]]*]\(([^)\s]+)", text)
            if not (path.parent / image).is_file()
        ]
    return ids


def read_faq(name: str, problems: list[str]) -> list[dict[str, str]]:
    """The rows of an FAQ table that have all columns."""
    with (HERE / name).open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        if reader.fieldnames != COLUMNS:
            problems.append(f"{name}: the columns must be {','.join(COLUMNS)}")
            return []
        rows = list(reader)
    for row in rows:
        if None in row or None in row.values():
            problems.append(f"{name}: {row['id']} has too many or too few values")
        elif not all(row[column].strip() for column in ("id", "language", "question", "answer")):
            problems.append(f"{name}: {row['id'] or 'a row'} has an empty value")
        elif len(set(row["phrasings"].split(" | ")) - {"", row["question"]}) < 2:
            problems.append(f"{name}: {row['id']} needs at least two further phrasings")
    return [row for row in rows if None not in row and None not in row.values()]


def read_lines(name: str, keys: set[str], problems: list[str]) -> list[dict[str, Any]]:
    """The objects of a JSONL file that have the keys."""
    path = HERE / name
    if not path.is_file():
        problems.append(f"{name} is missing")
        return []
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    for number, row in enumerate(rows, 1):
        if row.keys() != keys:
            problems.append(f"{name}: line {number} needs the keys {', '.join(sorted(keys))}")
    return [row for row in rows if row.keys() == keys]


def twice(values: list[str]) -> list[str]:
    """The values that are there more than once."""
    return sorted({value for value in values if values.count(value) > 1})


def unknown(label: str, relevant: list[str], ids: list[str]) -> list[str]:
    """A problem for each relevant id that nothing has."""
    return [f"{label}: there is no article or FAQ pair {name}" for name in relevant if name not in ids]


def check() -> list[str]:
    """Everything that is wrong with the example data."""
    problems: list[str] = []
    articles = read_articles(problems)
    faq = [row for name in ("faq.csv", "faq_zh.csv") for row in read_faq(name, problems)]
    questions = read_lines("questions.jsonl", QUESTION_KEYS, problems)
    ids = [*articles, *(row["id"] for row in faq)]
    phrasings = [text.casefold() for row in faq for text in (row["question"], *row["phrasings"].split(" | "))]
    asked = [row["question"].casefold() for row in questions]

    counts = len(articles), len(faq), len(questions), sum(not row["relevant"] for row in questions)
    if counts[0] < LEAST_ARTICLES or counts[1] < LEAST_FAQ or counts[2:] != (QUESTIONS, UNANSWERABLE):
        problems.append(
            "there are {} articles, {} FAQ pairs and {} questions, {} unanswerable".format(*counts)
        )
    for what, values in (("id", ids), ("phrasing", phrasings), ("question", asked)):
        problems += [f"the {what} {value!r} is there twice" for value in twice(values)]
    problems += [f"the question {text!r} is an FAQ phrasing" for text in asked if text in phrasings]
    for pair in faq:
        if pair["article"] and pair["article"] not in articles:
            problems.append(f"{pair['id']}: there is no article {pair['article']}")
    for row in questions:
        problems += unknown(row["question"], row["relevant"], ids)
        if bool(row["relevant"]) != bool(row["answer"]):
            problems.append(f"{row['question']}: only an answerable question has an answer")
    for folder, key in (("screenshots", "image"), ("voice", "audio")):
        for row in read_lines(f"{folder}/{folder}.jsonl", MEDIA_KEYS[key], problems):
            problems += unknown(row[key], row["relevant"], ids)
            if not (HERE / folder / row[key]).is_file():
                problems.append(f"{folder}/{row[key]} is missing")
    return problems


if __name__ == "__main__":
    found = check()
    print("\n".join(found) or "The example data is fine.")
    sys.exit(bool(found))
