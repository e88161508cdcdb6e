"""The last stage: a trained run becomes a registered adapter with the proof of what it is worth.

The candidate, the adapter that serves and the bare base are asked the same held-out questions and the fixed guard
sets. Every answer is kept, so that a killed evaluation goes on where it was. Nothing is promoted here.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from chatbot.adapter_files import (
    MANIFEST,
    NO_ADAPTER,
    PEFT_WEIGHTS,
    AdapterManifest,
    Gate,
    base_digest,
    read_manifest,
)
from chatbot.generators.base import Generator
from chatbot.messages import Observation
from chatbot.model_files import sha256_of
from chatbot.refusal import RefusalRule, Similarity
from chatbot.understand import language_of
from finetune.compare import write_side_by_side
from finetune.dataset.store import Dataset
from finetune.evaluate import EvaluationRun, calibrate_refusal, evaluate_adapter
from finetune.evaluation_rows import EvaluationError, EvaluationRow, load_rows
from finetune.finish import Measured, Origin, export_weights, seal_adapter
from finetune.gate import GateResult, judge, with_guards
from finetune.guard_templates import guard_template_intents
from finetune.guards import by_policy, follow_instructions, refuse_and_answer
from finetune.metrics import Scores
from finetune.order import Order
from finetune.pipeline import Teller, only_one
from finetune.run import RESULT
from finetune.settings import TrainSettings
from finetune.tools import Tools
from finetune.workspace import Workspace, read_plan

BASE = "bare base"
_REFUSALS = 0.3
_FEWEST_OF_A_LANGUAGE = 0.1


@dataclass(frozen=True, slots=True)
class Contestant:
    """One of those that are compared.

    Attributes:
        name: For people.
        adapter: Its id in the generator; `none` for the bare base.
        digest: Names its weights, so that answers of another one are never taken for its own.
    """

    name: str
    adapter: str
    refusal: RefusalRule | None
    digest: str

    @property
    def refusal_digest(self) -> str:
        """Names the rule of its refusals, for the names of files."""
        if self.refusal is None or not self.refusal.weights:
            return str(self.refusal and self.refusal.threshold)
        weights = json.dumps(dict(self.refusal.weights), sort_keys=True)
        return f"{self.refusal.threshold}-{hashlib.sha256(weights.encode()).hexdigest()[:8]}"


@dataclass(frozen=True, slots=True)
class Proof:
    """Everything that one contestant answered."""

    heldout: EvaluationRun
    scores: Scores


def evaluate_stage(
    order: Order, run_id: str, workspace: Workspace, tools: Tools, teller: Teller
) -> dict[str, Any]:
    """Exports, calibrates, seals and registers the run's adapter with the result of its gate.

    Raises:
        TrainingError: The run is not there or not finished.
        EvaluationError: The dataset holds nothing to evaluate with.
        AdapterError: The adapter cannot be registered.
    """
    with only_one(workspace.run(run_id)):
        return _Proving(order, run_id, workspace, tools, teller).prove()


class _Proving:
    def __init__(self, order: Order, run_id: str, workspace: Workspace, tools: Tools, teller: Teller) -> None:
        self._order, self._id, self._workspace = order, run_id, workspace
        self._tools, self._teller = tools, teller
        self._run = workspace.run(run_id)
        self._plan = read_plan(self._run)
        self._adapter = self._run / "adapter"
        self._base = tools.base()
        self._base_digest = base_digest(self._base)

    def prove(self) -> dict[str, Any]:
        self._teller.stage("export")
        dataset_folder = self._workspace.dataset(self._plan["name"])
        dataset = Dataset.load(dataset_folder)
        if dataset.hash != self._plan["dataset_hash"]:
            raise EvaluationError(
                f"The dataset was built anew since {self._id} was trained.", "Train again, then evaluate."
            )
        if not (self._adapter / MANIFEST).is_file():
            shutil.rmtree(self._adapter, ignore_errors=True)  # what a kill left there would not be sealed
            export_weights(self._run, self._adapter, self._base)
        current = self._tools.current()
        folders = {self._id: self._adapter}
        if current and current.id != self._id:
            folders[current.id] = current.folder
        rows = held_out(load_rows(dataset_folder / "test.jsonl"), self._order.questions, _REFUSALS)
        with self._tools.generator(folders) as generator:
            ours = self._calibrated(dataset, load_rows(dataset_folder / "validation.jsonl"), generator)
            candidate = self._asked(ours, rows, generator)
            manifest = self._sealed(dataset, ours, candidate)
            others = [Contestant(BASE, NO_ADAPTER, None, self._base_digest[:12])]
            if len(folders) > 1 and current:
                serving = current.manifest
                others.insert(0, Contestant(serving.id, serving.id, serving.refusal, _digest_of(serving)))
            proofs = {other.name: self._asked(other, rows, generator) for other in others}
        return self._judged(candidate, proofs, manifest)

    def _calibrated(
        self, dataset: Dataset, rows: Sequence[EvaluationRow], generator: Generator
    ) -> Contestant:
        if (self._adapter / MANIFEST).is_file():
            manifest = read_manifest(self._adapter)
            return Contestant(self._id, self._id, manifest.refusal, _weights_digest(self._adapter))
        self._teller.stage("fit refusal threshold")
        digest = _weights_digest(self._adapter)
        refusal = None
        chosen = held_out([row for row in rows if row.is_grounded], self._order.calibration, 0.5)
        if any(row.must_refuse for row in chosen) and any(row.gold for row in chosen):
            threshold = calibrate_refusal(
                chosen,
                generator,
                self._id,
                journal_path=self._journal(digest, "calibration"),
                progress=self._teller.tell,
            )
            refusal = RefusalRule(threshold)
        return Contestant(self._id, self._id, refusal, digest)

    def _asked(self, who: Contestant, rows: Sequence[EvaluationRow], generator: Generator) -> Proof:
        """Held-out questions and guard sets, for one contestant."""
        if who.refusal and who.refusal.compares:
            with self._tools.similarity() as similarity:
                return self._asked_with(who, rows, generator, similarity)
        return self._asked_with(who, rows, generator, None)

    def _asked_with(
        self,
        who: Contestant,
        rows: Sequence[EvaluationRow],
        generator: Generator,
        similarity: Similarity | None,
    ) -> Proof:
        self._teller.stage(f"ask {who.name}: held-out questions")
        heldout = evaluate_adapter(
            rows,
            generator,
            who.adapter,
            who.refusal,
            name=who.name,
            journal_path=self._journal(who.digest, f"answers-{who.refusal_digest}"),
            progress=self._teller.tell,
            similarity=similarity,
        )
        self._teller.stage(f"ask {who.name}: guard questions")
        guarded = refuse_and_answer(
            generator,
            who.adapter,
            who.refusal,
            journal_path=self._journal(who.digest, f"guards-{who.refusal_digest}"),
            progress=self._teller.tell,
            similarity=similarity,
        )
        self._teller.stage(f"ask {who.name}: instructions")
        followed = follow_instructions(
            generator,
            who.adapter,
            journal_path=self._journal(who.digest, "instructions"),
            progress=self._teller.tell,
        )
        return Proof(heldout, with_guards(heldout.scores, guarded.scores, followed, self._templates))

    @cached_property
    def _templates(self) -> Scores:
        settings = self._tools.settings  # chosen before any model is asked: the same for all
        decides = by_policy(settings.template_min_similarity, settings.evidence_min_similarity)
        with self._tools.fixed_faq() as faq:
            return guard_template_intents(faq, decides)

    def _journal(self, digest: str, part: str) -> Path:
        return self._workspace.journals / f"{self._base_digest[:8]}-{digest}-{part}.jsonl"

    def _sealed(self, dataset: Dataset, ours: Contestant, proof: Proof) -> AdapterManifest:
        if (self._adapter / MANIFEST).is_file():
            return read_manifest(self._adapter)
        trained = json.loads((self._run / RESULT).read_text(encoding="utf-8"))
        metrics = {name: round(value, 4) for name, value in proof.heldout.metrics.items()}
        if isinstance(loss := trained.get("validation_loss"), float) and loss < float("inf"):
            metrics["validation_loss"] = round(loss, 4)
        about = dataset.about
        origin = Origin(
            base_model=self._plan["base_model"],
            base=self._base,
            dataset=dataset.card(),
            settings=TrainSettings.model_validate(self._plan["settings"]),
            about=_about(about, proof),
            conversations=tuple(about.get("conversation_keys", ())),
            customers=tuple(about.get("customer_keys", ())),
            languages=_languages(proof.heldout),
        )
        return seal_adapter(self._adapter, self._id, origin, Measured(ours.refusal, metrics))

    def _judged(
        self, candidate: Proof, others: Mapping[str, Proof], manifest: AdapterManifest
    ) -> dict[str, Any]:
        self._teller.stage("judge and register")
        current = next((proof for name, proof in others.items() if name != BASE), None)
        result = judge(candidate.scores, current.scores if current else None, others[BASE].scores)
        self._tools.registry().register(self._adapter, Gate(result.passed, result.reasons))
        proofs = {self._id: candidate, **others}
        folder = self._workspace.evaluations / self._id
        for name, proof in proofs.items():
            proof.heldout.save(folder / f"{'base' if name == BASE else name}.json")
        # nothing in common cannot be: all were asked the same
        markdown, _ = write_side_by_side(folder, [proof.heldout for proof in proofs.values()])
        return {
            "adapter": self._id,
            "questions": len(candidate.heldout.answers),
            "refusal_threshold": manifest.refusal_threshold,
            "gate": {"passed": result.passed, "reasons": list(result.reasons)},
            "metrics": {name: _figures(proof) for name, proof in proofs.items()},
            "comparisons": _comparisons(result),
            "side_by_side": str(markdown),
            "message": _verdict(self._id, result),
        }


def held_out(rows: Sequence[EvaluationRow], most: int, refusals: float) -> list[EvaluationRow]:
    """Rows to ask, those of conversations first, with up to a share of refusals; in their order in the dataset.

    Neighbours often share their passages, which an engine then reads once.
    """
    placed = sorted(
        enumerate({row.key: row for row in rows}.values()),
        key=lambda pair: (not _is_of_conversation(pair[1]), pair[1].key),
    )
    refused = [(place, row) for place, row in placed if row.must_refuse]
    others = [(place, row) for place, row in placed if not row.must_refuse]
    count = max(round(most * refusals), most - len(others))
    chosen = refused[:count] + others[: most - min(count, len(refused))]
    return [row for _, row in sorted(chosen, key=lambda pair: pair[0])]


def _is_of_conversation(row: EvaluationRow) -> bool:
    return row.kind in ("conversation", "clarify", "handoff")


def _weights_digest(folder: Path) -> str:
    return sha256_of(folder / PEFT_WEIGHTS)[:12]


def _digest_of(manifest: AdapterManifest) -> str:
    return hashlib.sha256(json.dumps(dict(manifest.files), sort_keys=True).encode()).hexdigest()[:12]


def _languages(run: EvaluationRun) -> tuple[str, ...]:
    found = [language_of(Observation(answer.question)) for answer in run.answers]
    often = {code for code in found if found.count(code) >= _FEWEST_OF_A_LANGUAGE * len(found)}
    return tuple(sorted(often)) or ("en",)


def _about(about: Mapping[str, Any], proof: Proof) -> str:
    counted = about.get("conversations", {})
    taken = sum(counted.get(part, 0) for part in ("train", "validation"))
    return (
        f"Tuned on {taken} redacted conversations and the company's own articles; measured on "
        f"{len(proof.heldout.answers)} questions of conversations and articles that were kept apart."
    )


def _figures(proof: Proof) -> dict[str, Any]:
    """Means with their bootstrap intervals, and the speed."""
    everything = replace(proof.heldout, scores=proof.scores)
    figures: dict[str, Any] = {
        name: {"mean": round(i.mean, 4), "low": round(i.low, 4), "high": round(i.high, 4), "n": i.n}
        for name, i in everything.intervals().items()
    }
    for name in ("tokens_per_s", "ms_per_answer"):
        if name in proof.heldout.metrics:
            figures[name] = {"mean": round(proof.heldout.metrics[name], 1)}
    return figures


def _comparisons(result: GateResult) -> list[dict[str, Any]]:
    return [asdict(comparison) for comparison in result.comparisons]


def _verdict(adapter_id: str, result: GateResult) -> str:
    if result.passed:
        return (
            f"{adapter_id} passed its gate and is registered. It does not serve yet: read the answers, then run "
            f"`frontdesk finetune promote {adapter_id}`."
        )
    return (
        f"{adapter_id} is registered, but its gate failed, so it is not offered to customers: "
        f"{' '.join(result.reasons)}"
    )
