"""What understanding, policy, grounding and privacy add to a turn, stage by stage, on the example company.

*Policy*: which reviewed question is meant, wishes for a person, the decision. *Grounding*: cutting the answer into
sentences, checking and citing each, without the time in which the engine is waited for. *Privacy*: masking the
question and the answer by patterns, as it is done for log lines and webhooks. *Understanding*, which but for the mood
is part of the policy, is measured by itself, in processor time and without the embedding of the question. Every fourth
message asks two things, so that its questions are searched for one by one where nothing is found for both together.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from chatbot.bench import EXAMPLES, Result, bench_result
from chatbot.evaluation.turns import VISITOR, answer_to, spread, whole_turns
from chatbot.insights.mood import MoodJudge
from chatbot.messages import Message, Observation
from chatbot.privacy import pattern_redactor, rules_from_settings
from chatbot.privacy.codes import company_patterns
from chatbot.services import Services
from chatbot.settings import Settings
from chatbot.slots import entities
from chatbot.understand import language_of, questions_in, standalone_query

TURNS = 24
BAR_MS = 60.0
UNDERSTAND_BAR_MS = 30.0
STAGES = ("policy", "grounding", "privacy")


def measure_policy(settings: Settings) -> Result:
    """Median and 95th percentile of each stage and of all together; `together` against the bar of 60 ms at p95.

    `understand_cpu` is processor time, against the bar of 30 ms.

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
        understood_ms = list(understood(services, questions))
    metrics = figures(turns) | {
        f"understand_cpu_p{share}_ms": float(np.percentile(understood_ms, share)) for share in (50, 95)
    }
    ratios = {
        "together_p95_of_bar": metrics["together_p95_ms"] / BAR_MS,
        "understand_p95_of_bar": metrics["understand_cpu_p95_ms"] / UNDERSTAND_BAR_MS,
    }
    return bench_result("policy", metrics, ratios)


def understood(services: Services, questions: Sequence[str]) -> Iterator[float]:
    """Processor time in milliseconds in which each question is understood, its vector being known.

    Language, stand-alone query after the question before, its parts, intent, entities, mood, and wishes for a person.
    """
    loaded = services.loaded()
    knowledge_base, intents = loaded.knowledge_base, loaded.intents
    judge = MoodJudge(knowledge_base.encode)
    codes = company_patterns(rules_from_settings(services.settings))
    conversation = services.store.create(VISITOR)
    before = ""
    for question in questions:
        services.store.add_question(conversation.id, VISITOR, Message(question))
        earlier = services.store.get(conversation.id, VISITOR).messages
        query = standalone_query(question, [before] if before else [])
        found, vector = knowledge_base.retrieve(query), knowledge_base.encode([question])
        knowledge_base.vector_of(query)  # kept by the embedder
        started_s = time.process_time()
        observation = Observation(question)
        language_of(observation)
        standalone_query(question, [before])
        questions_in(question)
        if intents:
            intents.judged(query, found)
        entities(observation, codes, knowledge_base.vocabulary())
        judge.judge([question], vector)
        services.handoff.wishes(question, earlier, conversation)
        yield (time.process_time() - started_s) * 1000
        before = question


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
