from pathlib import Path

import numpy as np
import pytest

from knowledge_base import embed
from knowledge_base.embed import Embedder
from knowledge_base.embed_backends import POOLINGS, OnnxBackend, normalised
from knowledge_base.embed_bfloat16 import MIN_COSINE, ManyTexts, processor_has_bfloat16
from tests.knowledge_base.test_embed import TEXTS, make_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def plain(model: Path, tmp_path_factory: pytest.TempPathFactory) -> OnnxBackend:
    cache = tmp_path_factory.mktemp("cache")
    Embedder(model, threads=1, cache_folder=cache)
    return OnnxBackend(model, next(cache.glob("*.onnx")), POOLINGS["mean"], 1)


def test_bfloat16_takes_over_after_enough_texts_and_agrees(model: Path, plain: OnnxBackend) -> None:
    many = ManyTexts(model, plain, POOLINGS["mean"], 1, after=4, wanted=True)
    many.encode(TEXTS)
    assert not many.is_quick
    quick = normalised(many.encode(TEXTS))
    assert many.is_quick
    assert (quick * normalised(plain.encode(TEXTS))).sum(axis=1).min() >= MIN_COSINE


def test_vectors_that_differ_too_much_are_not_used(plain: OnnxBackend, tmp_path: Path) -> None:
    other = make_model(tmp_path, seed=9)
    many = ManyTexts(other, plain, POOLINGS["mean"], 1, after=0, wanted=True)
    np.testing.assert_array_equal(many.encode(TEXTS), plain.encode(TEXTS))
    assert not many.is_quick


def test_a_processor_without_bfloat16_never_loads_torch(model: Path, plain: OnnxBackend) -> None:
    many = ManyTexts(model, plain, POOLINGS["mean"], 1, after=0, wanted=False)
    many.encode(TEXTS)
    assert not many.is_quick


def test_the_embedder_switches_by_itself_and_only_for_documents(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embed, "MANY_TEXTS", 2)
    monkeypatch.setattr(embed, "processor_has_bfloat16", lambda: True)
    embedder = Embedder(model, threads=1, cache_folder=tmp_path)
    queries = embedder.encode(TEXTS, "query")
    documents = embedder.encode(TEXTS)
    assert not np.array_equal(documents, queries)
    assert (documents * queries).sum(axis=1).min() >= MIN_COSINE
    np.testing.assert_array_equal(embedder.encode(TEXTS, "query"), queries)


@pytest.mark.parametrize(
    ("described", "has"),
    [
        ("processor\t: 0\nflags\t\t: fpu avx2 amx_bf16 amx_tile\n", True),
        ("flags : fpu avx512f avx512_bf16\n", True),
        ("flags : fpu avx2 avx512_bf16_not\n", False),
        ("", False),
    ],
)
def test_the_processor_tells_what_it_multiplies(tmp_path: Path, described: str, has: bool) -> None:
    (tmp_path / "cpuinfo").write_text(described)
    assert processor_has_bfloat16(tmp_path / "cpuinfo") is has
    assert processor_has_bfloat16(tmp_path / "missing") is False
