"""The second look: a tiny cross-encoder made here, and a search whose order it decides."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from knowledge_base.base import KnowledgeBase
from knowledge_base.errors import IndexUnavailableError
from knowledge_base.lexical import Scores
from knowledge_base.rerank import CrossEncoderReranker
from knowledge_base.settings import KnowledgeBaseSettings
from tests.knowledge_base.conftest import tiny_bert_config

WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] hold the reset button light is amber red solid means".split()
QUESTION = "solid amber light"
PASSAGES = ["the light is amber", "hold the reset button", "solid red means hold the button " * 30]


def make_cross_encoder(folder: Path, labels: int = 1) -> Path:
    """A BERT of random weights with two layers and a head."""
    import torch
    from transformers import BertForSequenceClassification, BertTokenizerFast

    torch.manual_seed(0)
    tokenizer = BertTokenizerFast(vocab={word: i for i, word in enumerate(WORDS)}, model_max_length=64)
    tokenizer.save_pretrained(folder)
    config = tiny_bert_config(len(WORDS), num_labels=labels, initializer_range=0.5)
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder


def test_each_pair_is_scored_as_the_model_does_alone(tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = make_cross_encoder(tmp_path)
    scores = CrossEncoderReranker(folder, threads=1).score(QUESTION, PASSAGES)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    for passage, score in zip(PASSAGES, scores, strict=True):
        with torch.no_grad():
            logit = model(**tokenizer(QUESTION, passage, truncation=True, return_tensors="pt")).logits
        assert score == pytest.approx(float(torch.sigmoid(logit)), abs=1e-4)
    assert len(set(scores.round(3))) == len(PASSAGES)
    assert CrossEncoderReranker(folder, threads=1).score(QUESTION, []).shape == (0,)


def test_what_is_no_cross_encoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IndexUnavailableError, match="no cross-encoder: it has 3 labels"):
        CrossEncoderReranker(make_cross_encoder(tmp_path / "three", labels=3))
    with pytest.raises(IndexUnavailableError, match=r"no readable config\.json"):
        CrossEncoderReranker(tmp_path / "nothing")


class LikesWord:
    """Finds what holds a word relevant, and remembers what it was asked."""

    def __init__(self, word: str) -> None:
        self._word = word
        self.asked: list[tuple[str, int]] = []

    def score(self, question: str, passages: Sequence[str]) -> Scores:
        self.asked.append((question, len(passages)))
        return np.array([bool(re.search(self._word, text)) * 0.8 + 0.1 for text in passages], np.float32)


def opened(folder: Path, embedder, reranker: LikesWord, **settings: int) -> KnowledgeBase:
    return KnowledgeBase(folder / "reranked", embedder, KnowledgeBaseSettings(**settings), reranker=reranker)


def test_a_second_look_decides_the_order_and_is_told(help_centre, embedder, tmp_path: Path) -> None:
    reranker = LikesWord("hardware")
    knowledge_base = opened(tmp_path, embedder, reranker)
    knowledge_base.add_path(help_centre)
    first, *others = knowledge_base.retrieve("what does solid amber mean").chunks
    assert first.chunk.heading_path == ("Red",)
    assert first.scores["reranker"] == pytest.approx(0.9)
    assert [one.scores["reranker"] for one in others] == pytest.approx([0.1] * len(others))
    assert [one.score for one in others] == sorted((one.score for one in others), reverse=True)
    assert knowledge_base.retrieve("", extra="solid amber").chunks[0].scores.keys() == {"dense", "bm25"}
    assert [question for question, _ in reranker.asked] == ["what does solid amber mean"]
    knowledge_base.close()


def test_only_the_best_are_looked_at_and_the_others_follow(help_centre, embedder, tmp_path: Path) -> None:
    reranker = LikesWord("nothing")
    knowledge_base = opened(tmp_path, embedder, reranker, reranker_candidates=2)
    knowledge_base.add_path(help_centre)
    found = knowledge_base.retrieve("what does solid amber mean", top_k=5).chunks
    assert ["reranker" in one.scores for one in found] == [True, True, False, False, False]
    assert reranker.asked == [("what does solid amber mean", 2)]
    knowledge_base.close()
