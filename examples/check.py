"""Check the example company: counts, ids, references between the files, and the transcripts."""

import csv
import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import yaml
from check_transcripts import check_transcripts

HERE = Path(__file__).resolve().parent
COLUMNS = ["id", "language", "question", "phrasings", "answer", "article"]
ARTICLE_KEYS = {"id", "title", "url", "product", "updated"}
QUESTION_KEYS = {"question", "relevant", "answer", "language", "kind"}
MEDIA_KEYS = {"image": {"image", "relevant", "text", "visible"}, "audio": {"audio", "text", "relevant"}}
LEAST = {"articles": 44, "faq.csv": 85, "faq_zh.csv": 15}
QUESTIONS, UNANSWERABLE, WORDS = 150, 40, range(150, 501)


def read_articles(problems: list[str]) -> list[str]:
    """The article ids; a faulty front matter, an odd length or a missing image is a problem."""
    paths = sorted((HERE / "articles").glob("*.md"))
    for path in paths:
        start, matter, body = [*path.read_text(encoding="utf-8").split("---\n", 2), "", ""][:3]
        found = {} if start else yaml.safe_load(matter) or {}
        if not found.keys() >= ARTICLE_KEYS:
            problems.append(f"{path.name}: the front matter needs {', '.join(sorted(ARTICLE_KEYS))}")
        elif found["id"] != path.stem or found["url"] != f"https://help.wrenfield.example/{path.stem}":
            problems.append(f"{path.name}: the id and the end of the url must be {path.stem}")
        if len(body.split()) not in WORDS:
            problems.append(f"{path.name}: {len(body.split())} words instead of {WORDS[0]} to {WORDS[-1]}")
        for image in re.findall(r"!\[[^]]*]\(([^)\s]+)", body):
            if not (path.parent / image).is_file():
                problems.append(f"{path.name}: the image {image} is missing")
    return [path.stem for path in paths]


def article_texts() -> list[str]:
    """What the articles say, without their front matter."""
    paths = sorted((HERE / "articles").glob("*.md"))
    return [path.read_text(encoding="utf-8").split("---\n", 2)[-1] for path in paths]


def read_faq(name: str, problems: list[str]) -> list[dict[str, str]]:
    """The rows of an FAQ table that have all columns."""
    with (HERE / name).open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        rows = [row for row in reader if None not in row and None not in row.values()]
        if reader.fieldnames != COLUMNS or len(rows) < LEAST[name]:
            problems.append(f"{name}: needs {LEAST[name]} rows with exactly {','.join(COLUMNS)}")
            return []
    for row in rows:
        if not all(row[column].strip() for column in ("id", "language", "question", "answer")):
            problems.append(f"{name}: {row['id'] or 'a row'} has an empty value")
        if len(set(row["phrasings"].split(" | ")) - {"", row["question"]}) < 2:
            problems.append(f"{name}: {row['id']} needs at least two further phrasings")
    return rows


def read_lines(name: str, keys: set[str], problems: list[str]) -> list[dict[str, Any]]:
    """The objects of a JSONL file; one without exactly these keys is a problem."""
    rows = [json.loads(line) for line in (HERE / name).read_text(encoding="utf-8").splitlines()]
    faulty = [number for number, row in enumerate(rows, 1) if row.keys() != keys]
    problems += [f"{name}: line {number} needs the keys {', '.join(sorted(keys))}" for number in faulty]
    return [row for row in rows if row.keys() == keys]


def check() -> list[str]:
    """Everything that is wrong with the example data."""
    problems: list[str] = []
    articles = read_articles(problems)
    faq = [row for name in ("faq.csv", "faq_zh.csv") for row in read_faq(name, problems)]
    questions = read_lines("questions.jsonl", QUESTION_KEYS, problems)
    ids = [*articles, *(row["id"] for row in faq)]
    phrasings = [text.casefold() for row in faq for text in (row["question"], *row["phrasings"].split(" | "))]
    asked = [row["question"].casefold() for row in questions]

    unanswerable = sum(not row["relevant"] for row in questions)
    if len(articles) < LEAST["articles"] or (len(questions), unanswerable) != (QUESTIONS, UNANSWERABLE):
        problems.append(f"{len(articles)} articles, {len(questions)} questions, {unanswerable} unanswerable")
    for what, values in (("id", ids), ("phrasing", phrasings + asked)):
        problems += [f"the {what} {value!r} is there twice" for value, n in Counter(values).items() if n > 1]
    wanted = [(pair["id"], [pair["article"]] if pair["article"] else [], articles) for pair in faq]
    for row in questions:
        wanted.append((row["question"], row["relevant"], ids))
        if not bool(row["relevant"]) == bool(row["answer"]) == (row["kind"] in {"faq", "article"}):
            problems.append(f"{row['question']}: relevant, answer and kind do not go together")
    for folder, key in (("screenshots", "image"), ("voice", "audio")):
        for row in read_lines(f"{folder}/{folder}.jsonl", MEDIA_KEYS[key], problems):
            wanted.append((row[key], row["relevant"], ids))
            wanted.append((folder, [row[key]], [path.name for path in (HERE / folder).iterdir()]))
    texts = [*article_texts(), *(row["answer"] for row in faq)]
    problems += check_transcripts(texts, articles, [row["question"] for row in questions])
    return problems + [
        f"{at}: there is no {name}" for at, names, known in wanted for name in names if name not in known
    ]


if __name__ == "__main__":
    try:
        found = check()
    except (OSError, ValueError, csv.Error, yaml.YAMLError) as error:
        found = [f"A file cannot be read: {error}"]
    print("\n".join(found) or "The example data is fine.")
    sys.exit(bool(found))
