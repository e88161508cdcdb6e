"""Adds the names of mimesis to `chatbot/privacy/names.json`: `python -m tests.update_names DATASETS LICENCE`.

DATASETS is the folder `mimesis/datasets` of the installed package, LICENCE its licence file. Russian, Ukrainian and
Greek names are written in Latin letters as passports do. What is in the file stays; run twice, it changes nothing.
"""

import json
import re
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NAMES = Path(__file__).resolve().parent.parent / "chatbot" / "privacy" / "names.json"
_SOURCE = "Names of persons by country of mimesis 22.2.0 (MIT licence, below), also written in Latin letters"
_WORD = re.compile(r"[^\W\d_]{2,}(?:['’-][^\W\d_]+)*")
_SHORTEST = 3
_VOWELS = "аеёиоуыэюяіїє"
_RUSSIAN = dict(
    zip("абвгдёжзийклмнопрстуфхыэ", "a b v g d yo zh z i y k l m n o p r s t u f kh y e".split(), strict=True)
)
_RUSSIAN |= {"ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ю": "yu", "я": "ya", "ь": "", "ъ": ""}
_UKRAINIAN = _RUSSIAN | {
    "г": "h",
    "ґ": "g",
    "и": "y",
    "і": "i",
    "ї": "yi",
    "є": "ye",
    "е": "e",
    "'": "",
    "’": "",
}
_GREEK = dict(
    zip(
        "αβγδεζηθικλμνξοπρσςτυφχψω",
        "a v g d e z i th i k l m n x o p r s s t y f ch ps o".split(),
        strict=True,
    )
)


def main(datasets: Path, licence: Path) -> None:
    """Writes the file anew."""
    known = json.loads(NAMES.read_text(encoding="utf-8"))
    for group, key in (("given", "names"), ("family", "surnames")):
        found = {name for path in sorted(datasets.glob("*/person.json")) for name in _names(path, key)}
        known[group] = " ".join(sorted(found | set(known[group].split())))
    known["sources"]["given, family"] = [
        *(source for source in known["sources"]["given, family"] if "mimesis" not in source),
        _SOURCE,
    ]
    known["mimesis_licence"] = " ".join(licence.read_text(encoding="utf-8").split())
    NAMES.write_text(json.dumps(known, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _names(path: Path, key: str) -> Iterator[str]:
    for text in _texts(json.loads(path.read_text(encoding="utf-8")).get(key, [])):
        for word in text.lower().split():
            latin = _in_latin(word, path.parent.name)
            if len(latin) >= _SHORTEST and _WORD.fullmatch(latin) and _is_latin(latin):
                yield latin


def _texts(value: Any) -> Iterator[str]:
    """The texts anywhere in lists and objects."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def _in_latin(word: str, locale: str) -> str:
    table = {"ru": _RUSSIAN, "uk": _UKRAINIAN, "el": _GREEK}.get(locale)
    if table is None:
        return word
    if locale == "el":
        word = "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))
        word = word.replace("ου", "ou").replace("αυ", "av").replace("ευ", "ev").replace("μπ", "b")
    letters = []
    for i, letter in enumerate(word):
        softened = letter == "е" and locale == "ru" and (i == 0 or word[i - 1] in _VOWELS + "ьъ")
        letters.append("ye" if softened else table.get(letter, "e" if letter == "е" else letter))
    return "".join(letters)


def _is_latin(word: str) -> bool:
    return all(not c.isalpha() or unicodedata.name(c, "").startswith("LATIN") for c in word)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
