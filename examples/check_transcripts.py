"""Check the example transcripts: their form, that they differ, and that agents state only what the articles hold.

What an agent turn with the rating -1 states is not checked: bad answers are there so that a filter has work.
"""

import csv
import json
import mailbox
import re
from collections import Counter
from datetime import datetime
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent / "transcripts"
KEYS = {"conversation_id", "customer", "started_at", "messages"}
MESSAGE_KEYS = {"role", "text", "at"}
TOPIC_KEYS = ["conversation_id", "language", "articles"]
LEAST, LEAST_CHINESE, LEAST_A_TOPIC, TURNS = 300, 40, 4, range(2, 15)
MOST_IN_A_ROW = 2
EXPORTED = {"zendesk-export.json": 8, "chats.csv": 10, "thread.mbox": 3}
ALIKE, ALIKE_QUESTION = 0.3, 0.2

_TICKET = re.compile(r"\bT-\d{6}\b")
_OWN_NUMBER = re.compile(r"\bWF-\d{8}\b|\bWR[A-Z0-9]{10}\b|[\w.+-]+@[\w.-]+\.example\b")
_NUMBER = re.compile(r"WR-\d{3}|\d+(?:[.:]\d+)*")
_PATH = re.compile(r"\S+(?: > [^>\n]+)+")
_MENU = re.compile(r"\*\*([^*\n]+)\*\*|\| ([^|\n]+ > [^|\n]+) \|")
_CHINESE_NUMBER = re.compile(r"[一二两三四五六七八九十](?=个?(?:小时|工作日)|分钟|秒|天|年|米)")
_COMMA = re.compile(r"(?<=\d),(?=\d)")
_SPELLED = dict(
    zip(
        "one two three four five six seven eight nine ten eleven twelve fifteen twenty thirty".split()
        + "zwei drei vier fünf sechs sieben acht neun zehn zwölf".split()
        + "deux trois quatre cinq sept huit neuf dix douze".split()
        + "一 两 二 三 四 五 六 七 八 九 十".split(),
        "1 2 3 4 5 6 7 8 9 10 11 12 15 20 30 2 3 4 5 6 7 8 9 10 12 2 3 4 5 7 8 9 10 12 1 2 2 3 4 5 6 7 8 9 10".split(),
        strict=True,
    )
)
_UNITS = {
    "working day": "working days?|Werktagen?|jours ouvrés|días laborables|个工作日",
    "minute": "min(?:utes?|uten?|utos)?|分钟",
    "second": "seconds?|Sekunden?|secondes?|segundos|秒",
    "hour": "hours?|Stunden?|heures?|horas?|(?:个)?小时",
    "day": "days?|Tagen?|jours?|días?|天",
    "month": "months?|Monaten?|mois|meses|(?:个)?月",
    "year": "years?|Jahren?|ans?|années|años?|年",
    "euro": "€|euros?|Euro|欧元",
    "metre": "m|metres?|Metern?|mètres?|metros?|米",
    "area": "m[²2]|square metres|Quadratmeter|平方米|平米",
    "speed": "Mbit/s",
    "power": "W|watts?|Watt|瓦",
    "share": "%",
    "character": "characters|Zeichen|caractères|个字符|位",
}
_UNIT = "|".join(f"(?P<u{number}>{words})" for number, words in enumerate(_UNITS.values()))
_AMOUNT = re.compile(rf"(\d+(?:[.:]\d+)*)[\s-]*(?:{_UNIT})(?![a-zA-Z0-9²/])")


def _plain(text: str) -> str:
    """The text with numbers in figures, without emphasis and without numbers of lists."""
    text = re.sub(r"(?m)^\d+\. ", "", _COMMA.sub(".", text.replace("*", "").replace("−", "-")))
    text = re.sub(r"[^\W\d_]+", lambda word: _SPELLED.get(word[0].casefold(), word[0]), text)
    return _CHINESE_NUMBER.sub(lambda one: _SPELLED[one[0]], text)


def facts_in(text: str) -> set[str]:
    """The numbers, error codes and amounts (`30 minute`) that a text states; own numbers of customers are none."""
    plain = _plain(_OWN_NUMBER.sub(" ", _TICKET.sub(" ", text)))
    units = list(_UNITS)
    amounts = {f"{m[1]} {units[int((m.lastgroup or 'u0')[1:])]}" for m in _AMOUNT.finditer(plain)}
    return set(_NUMBER.findall(plain)) | amounts


def _grams(text: str, n: int = 5) -> set[tuple[str, ...]]:
    """The runs of five words, or of five characters in Chinese."""
    words = re.findall(r"[一-鿿]|[^\W一-鿿]+", text.casefold())
    return set(zip(*(words[start:] for start in range(n)), strict=False))


def _jaccard(one: set[tuple[str, ...]], other: set[tuple[str, ...]]) -> float:
    return len(one & other) / len(one | other) if one and other else 0.0


def _form(row: dict[str, Any]) -> list[str]:
    """What is wrong with the shape of one conversation."""
    messages = row["messages"]
    if any(not m.keys() >= MESSAGE_KEYS or not m.keys() <= MESSAGE_KEYS | {"rating"} for m in messages):
        return ["every message needs the keys at, role and text"]
    problems = []
    roles = [message["role"] for message in messages]
    if set(roles) != {"customer", "agent"} or roles[0] != "customer" or len(roles) not in TURNS:
        problems.append(f"needs {TURNS[0]} to {TURNS[-1]} turns of both sides, the customer first")
    run = 1
    for earlier, later in pairwise(roles):
        run = run + 1 if earlier == later else 1
        if run > MOST_IN_A_ROW:
            problems.append(f"more than {MOST_IN_A_ROW} turns in a row by the {later}")
    if any(not message["text"].strip() for message in messages):
        problems.append("a message is empty")
    if any(m.get("rating", 1) not in (1, -1) or ("rating" in m and m["role"] != "agent") for m in messages):
        problems.append("a rating is 1 or -1 and belongs to an agent's turn")
    times = [datetime.fromisoformat(message["at"]) for message in messages]
    if times != sorted(times) or row["started_at"] != messages[0]["at"]:
        problems.append("the times must rise, and started_at is the first of them")
    return problems


def _menu_steps(text: str) -> set[str]:
    """The steps of all menu paths in the help centre, in lower case: `account`, `billing`, `the order`."""
    paths = (bold or cell for bold, cell in _MENU.findall(text))
    return {step.strip(" ?").casefold() for path in paths for step in path.split(" > ")}


def _unsupported(row: dict[str, Any], steps: set[str], facts: set[str], own: set[str]) -> list[str]:
    """What an agent states that neither the help centre nor the customer has said."""
    problems, said = [], ""
    for message in row["messages"]:
        if message["role"] == "customer":
            said += "\n" + message["text"]
            continue
        if message.get("rating") == -1:
            continue
        text = message["text"]
        missing = facts_in(text) - facts - facts_in(said)
        missing |= {
            number for number in _OWN_NUMBER.findall(text) if number not in said and number not in own
        }
        for path in _PATH.findall(text):
            missing |= {
                step for step in path.split(" > ")[1:] if not step.casefold().startswith(tuple(steps))
            }
        problems += [
            f"the agent states {value!r}, which is nowhere in the help centre" for value in sorted(missing)
        ]
    return problems


def _alike(rows: list[dict[str, Any]], asked: list[str]) -> list[str]:
    """Conversations too near to each other, or to a question of the test set."""
    problems = []
    grams = [_grams("\n".join(message["text"] for message in row["messages"])) for row in rows]
    for one, other in combinations(range(len(rows)), 2):
        if _jaccard(grams[one], grams[other]) >= ALIKE:
            at, near = rows[one]["conversation_id"], rows[other]["conversation_id"]
            problems.append(f"{at} and {near} are near duplicates")
    tests = [(question, _grams(question)) for question in asked]
    for row in rows:
        for message in row["messages"]:
            said = _grams(message["text"])
            for question, wording in tests:
                if message["role"] == "customer" and _jaccard(said, wording) >= ALIKE_QUESTION:
                    problems.append(f"{row['conversation_id']} repeats the question {question!r}")
    return problems


def _topics(rows: list[dict[str, Any]], articles: list[str]) -> list[str]:
    """What is wrong with topics.csv: one line a conversation, and enough of them for every article."""
    with (FOLDER / "topics.csv").open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        topics = list(reader)
        if reader.fieldnames != TOPIC_KEYS:
            return [f"topics.csv: needs the columns {','.join(TOPIC_KEYS)}"]
    problems = []
    if [topic["conversation_id"] for topic in topics] != [row["conversation_id"] for row in rows]:
        problems.append("topics.csv: needs one line for each conversation, in the same order")
    counts = Counter(article for topic in topics for article in topic["articles"].split())
    problems += [f"topics.csv: there is no article {name}" for name in counts if name not in articles]
    problems += [
        f"transcripts: only {counts[name]} conversations about {name}"
        for name in articles
        if counts[name] < LEAST_A_TOPIC
    ]
    if sum(topic["language"] == "zh" for topic in topics) < LEAST_CHINESE:
        problems.append(f"transcripts: fewer than {LEAST_CHINESE} in Chinese")
    return problems


def _exports() -> dict[str, list[dict[str, Any]]]:
    """The conversations of the files in other formats, in the shape of conversations.jsonl as far as needed."""
    export = json.loads((FOLDER / "zendesk-export.json").read_text(encoding="utf-8"))
    agents = {user["id"] for user in export["users"] if user["role"] == "agent"}
    tickets = [
        [(c["author_id"] in agents, c["body"]) for c in ticket["comments"] if c["public"]]
        for ticket in export["tickets"]
    ]
    with (FOLDER / "chats.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file, strict=True))
    chats: dict[str, list[tuple[bool, str]]] = {}
    for line in lines:
        rated_bad = line["rating"] == "-1"
        chats.setdefault(line["chat_id"], []).append(
            (line["author_type"] == "agent", "" if rated_bad else line["message"])
        )
    threads: dict[str, list[tuple[bool, str]]] = {}
    for mail in mailbox.mbox(FOLDER / "thread.mbox", create=False):
        body = bytes(mail.get_payload(decode=True)).decode("utf-8").split("\nOn ")[0]
        subject = str(mail["subject"]).removeprefix("Re: ")
        threads.setdefault(subject, []).append(("help@wrenfield.example" in mail["from"], body))
    found = {"zendesk-export.json": tickets, "chats.csv": chats.values(), "thread.mbox": threads.values()}
    return {
        name: [
            {"messages": [{"role": "agent" if agent else "customer", "text": text} for agent, text in turns]}
            for turns in conversations
        ]
        for name, conversations in found.items()
    }


def check_transcripts(help_texts: list[str], articles: list[str], asked: list[str]) -> list[str]:
    """Everything that is wrong with the transcripts.

    Args:
        help_texts: The text of every article and the answers of the FAQ.
        articles: The ids of the articles.
        asked: The questions of the test set.
    """
    lines = (FOLDER / "conversations.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    faulty = [number for number, row in enumerate(rows, 1) if row.keys() != KEYS]
    if faulty:
        return [
            f"conversations.jsonl: line {number} needs the keys {', '.join(sorted(KEYS))}"
            for number in faulty
        ]
    ids = [row["conversation_id"] for row in rows]
    starts = [datetime.fromisoformat(row["started_at"]) for row in rows]
    problems = []
    if len(rows) < LEAST:
        problems.append(f"transcripts: {len(rows)} conversations instead of at least {LEAST}")
    if len(set(ids)) != len(ids) or ids != sorted(ids) or starts != sorted(starts):
        problems.append("transcripts: ids and starting times must rise")
    whole = "\n".join(help_texts)
    steps, facts, own = _menu_steps(whole), facts_in(whole), set(_OWN_NUMBER.findall(whole))
    for row in rows:
        found = _form(row) or _unsupported(row, steps, facts, own)
        problems += [f"{row['conversation_id']}: {problem}" for problem in found]
    for name, conversations in _exports().items():
        if len(conversations) < EXPORTED[name]:
            problems.append(f"{name}: {len(conversations)} conversations instead of {EXPORTED[name]}")
        for row in conversations:
            problems += [f"{name}: {problem}" for problem in _unsupported(row, steps, facts, own)]
    return problems + _alike(rows, asked) + _topics(rows, articles)
