"""What policy, grounding and privacy add to a turn, stage by stage, over whole turns on the example company.

*Policy*: which reviewed question is meant, wishes for a person, the decision. *Grounding*: cutting the answer into
sentences, checking and citing each, without the time in which the engine is waited for. *Privacy*: masking the
question and the answer by patterns, as it is done for log lines and webhooks. Every fourth message asks two things, so
that its questions are searched for one by one where nothing is found for both together.
"""

import json
import time
from collections.abc import Mapping, Sequence

import numpy as np

from chatbot.bench import EXAMPLES, Result, bench_result
from chatbot.evaluation.turns import answer_to, spread, whole_turns
from chatbot.messages import Message
from chatbot.privacy import pattern_redactor, rules_from_settings
from chatbot.settings import Settings

TURNS = 24
BAR_MS = 60.0
STAGES = ("policy", "grounding", "privacy")


def measure_policy(settings: Settings) -> Result:
    """Median and 95th percentile of each stage and of all together; `together` against the bar of 60 ms at p95.

    Raises:
        FrontdeskError: A model is missing.
    """
    lines = (EXAMPLES / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    questions = messages(spread([str(json.loads(line)["question"]) for line in lines], TURNS))
    redactor = pattern_redactor(rules_from_settings(settings))
    with whole_turns(settings, EXAMPLES) as services:
        answer_to(services, Message(questions[0]))  # the first turn warms up
        turns = []
        for question in questions:
            done = answer_to(services, Message(question))
            started_s = time.perf_counter()
            for text in (question, done.text):
                redactor.mask(text)
            masked_ms = (time.perf_counter() - started_s) * 1000
            turns.append({"policy": 0.0, "grounding": 0.0, **done.timings_ms, "privacy": masked_ms})
    metrics = figures(turns)
    return bench_result("policy", metrics, {"together_p95_of_bar": metrics["together_p95_ms"] / BAR_MS})


def messages(questions: Sequence[str]) -> list[str]:
    """One message for each question; every fourth also asks the one before it."""
    return [f"{questions[n - 1]}\n\n{q}" if n % 4 == 3 else q for n, q in enumerate(questions)]


def figures(turns: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Percentiles in milliseconds of each stage, and of their sum in each turn."""
    table = np.array([[turn[stage] for stage in STAGES] for turn in turns], np.float64)
    columns = dict(zip((*STAGES, "together"), (*table.T, table.sum(axis=1)), strict=True))
    found = {
        f"{name}_p{share}_ms": float(np.percentile(column, share))
        for name, column in columns.items()
        for share in (50, 95)
    }
    return {"turns": float(len(turns)), **found}
