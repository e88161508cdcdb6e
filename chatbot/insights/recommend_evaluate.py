"""How often the next question of a held-out conversation is among those suggested: the task `next_steps`.

There is no catalogue of questions in transcripts, so that of the conversations learnt from is made by clustering
what their customers said; what is said in a held-out conversation is the nearest of these. Every fifth conversation
is held out, by the hash of its id.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chatbot.errors import InputError
from chatbot.insights.mood import Encode
from chatbot.insights.recommend import FEWEST_CASES, OFFERED, NextSteps, tried
from chatbot.insights.topics import clusters, nearest
from chatbot.text import content_words
from knowledge_base.embed_backends import Vectors

_HELD_OUT = 5
_FEWEST = 4
_MOST_CLUSTERED = 3_000


def evaluate_next_steps(folder: Path, encode: Encode, limit: int = 600) -> dict[str, Any]:
    """Learns from four fifths of the conversations and measures on the rest.

    Args:
        folder: With `conversations.jsonl`.
        limit: Most conversations that are read.

    Raises:
        InputError: The file is not there or not of this form.
    """
    said = _conversations(folder / "conversations.jsonl", limit)
    texts = sorted({text for one in said.values() for text in one})
    vectors = dict(zip(texts, encode(texts), strict=True))
    learnt = {key: one for key, one in said.items() if _hash(key) % _HELD_OUT}
    items = _items([text for one in learnt.values() for text in one], vectors)
    sequences = {key: _sequence(one, items, vectors) for key, one in said.items()}
    steps = NextSteps([sequences[key] for key in learnt], items)
    trial = tried(steps, [sequences[key] for key in said if key not in learnt])
    return {
        "task": "next_steps",
        "data": folder.name,
        "n": trial.cases,
        "metrics": {
            f"hit_rate_at_{OFFERED}": trial.hits / max(1, trial.cases),
            f"popular_hit_rate_at_{OFFERED}": trial.popular_hits / max(1, trial.cases),
            "p_value": trial.p_value,
            "is_shown": float(trial.is_won),
        },
        "settings": {
            "conversations": len(said),
            "learnt_from": len(learnt),
            "items": len(items),
            "fewest_cases": FEWEST_CASES,
        },
    }


def _conversations(file: Path, limit: int) -> dict[str, list[str]]:
    try:
        found = {}
        with file.open(encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                asked = [m["text"][:300] for m in row["messages"] if m["role"] == "customer"]
                found[str(row["conversation_id"])] = [t for t in asked if len(content_words(t)) >= 2]
                if len(found) == limit:
                    break
        return found
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file} cannot be read as conversations: {error}.") from error


def _items(texts: Sequence[str], vectors: Mapping[str, Vectors]) -> dict[str, Vectors]:
    """The centre of every group of questions that is large enough."""
    every = sorted(set(texts), key=_hash)[:_MOST_CLUSTERED]
    rows = np.stack([vectors[text] for text in every]) if every else np.zeros((0, 1), np.float32)
    large = [places for places in clusters(rows) if len(places) >= _FEWEST]
    centres = [rows[places].mean(axis=0) for places in large]
    return {str(n): np.asarray(c / np.linalg.norm(c), np.float32) for n, c in enumerate(centres)}


def _sequence(
    texts: Sequence[str], items: Mapping[str, Vectors], vectors: Mapping[str, Vectors]
) -> tuple[str, ...]:
    if not texts or not items:
        return ()
    labels = nearest(np.stack([vectors[t] for t in texts]), list(items.values()), range(len(texts)))
    ids = list(items)
    return tuple(ids[label] for label in labels if label >= 0)


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
