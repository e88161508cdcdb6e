import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from knowledge_base import embed
from knowledge_base.embed import Embedder, fingerprint
from knowledge_base.embed_backends import POOLINGS
from knowledge_base.errors import IndexUnavailableError
from tests.knowledge_base.conftest import tiny_bert_config

TEXTS = ["hold the reset button", "the light is amber and the router restarts again and again", "button"]
WORDS = (
    "[PAD] [UNK] [CLS] [SEP] hold the reset button light is amber and router restarts again query :".split()
)


def make_model(folder: Path, pooling: str = "mean", extra_module: bool = False, seed: int = 0) -> Path:
    """A BERT of random weights with two layers, saved as sentence-transformers saves it."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, Transformer
    from transformers import BertModel, BertTokenizerFast

    torch.manual_seed(seed)
    plain = folder / "plain"
    plain.mkdir(parents=True)
    (plain / "vocab.txt").write_text("\n".join(WORDS))
    BertTokenizerFast(vocab={word: i for i, word in enumerate(WORDS)}).save_pretrained(plain)
    config = tiny_bert_config(len(WORDS))
    BertModel(config).save_pretrained(plain)
    modules = [Transformer(str(plain), max_seq_length=32), Pooling(32, pooling), Normalize()]
    if extra_module:
        modules.insert(2, Dense(32, 16))
    SentenceTransformer(modules=modules, device="cpu").save_pretrained(str(folder / "model"))
    return folder / "model"


def reference(folder: Path, texts: list[str]) -> np.ndarray:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(folder), device="cpu").encode(texts, normalize_embeddings=True)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return make_model(tmp_path_factory.mktemp("mean"))


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def embedder(model, cache) -> Embedder:
    return Embedder(model, threads=1, cache_folder=cache)


def test_vectors_equal_those_of_sentence_transformers(embedder, model, cache):
    assert [path.suffix for path in sorted(cache.iterdir())] == [".lock", ".onnx"]
    assert np.allclose(embedder.encode(TEXTS), reference(model, TEXTS), atol=1e-4)


def test_another_pooling_is_followed(tmp_path):
    folder = make_model(tmp_path, "cls")
    found = Embedder(folder, 1, tmp_path / "cache")
    assert list((tmp_path / "cache").glob("*.onnx"))
    assert np.allclose(found.encode(TEXTS), reference(folder, TEXTS), atol=1e-4)


def test_an_architecture_with_more_parts_runs_in_sentence_transformers(tmp_path):
    folder = make_model(tmp_path, extra_module=True)
    found = Embedder(folder, 1, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
    assert found.dimension == 16
    assert np.allclose(found.encode(TEXTS), reference(folder, TEXTS), atol=1e-4)
    assert found.count_tokens("hold the button") == 3
    assert found.unknown_share("hold zebra") == 0.5


def test_vectors_are_float32_of_length_one_in_the_order_given(embedder):
    vectors = embedder.encode(TEXTS * 7)
    assert (vectors.dtype, vectors.shape) == (np.float32, (21, 32))
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    assert np.allclose(vectors[:3], vectors[18:], atol=1e-5)
    assert embedder.encode([]).shape == (0, 32)


def test_a_query_is_the_same_vector_each_time_and_may_be_changed_by_its_owner(embedder):
    first = embedder.encode(["button"], "query")
    first[:] = 0
    assert np.allclose(embedder.encode(["button"], "query"), embedder.encode(["button"]), atol=1e-5)


def test_odd_texts_have_vectors_too(embedder):
    assert np.isfinite(embedder.encode(["", "\0", "😡", "button " * 500])).all()


def test_tokens_are_counted_without_special_ones_and_without_a_limit(embedder):
    assert embedder.count_tokens("hold the button") == 3
    assert embedder.count_tokens("button " * 500) == 500


def test_words_without_a_token_are_unknown_but_emoji_are_no_words(embedder):
    assert embedder.unknown_share("hold the 按钮 now") == pytest.approx(0.6)
    assert embedder.unknown_share("button 😡") == embedder.unknown_share("") == 0.0


def test_a_prompt_for_queries_is_put_before_them(model, cache, tmp_path, monkeypatch):
    folder = shutil.copytree(model, tmp_path / "model")
    config = folder / "config_sentence_transformers.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "prompts": {"query": "query : "}}))
    monkeypatch.setattr(embed, "exported", lambda *arguments: next(cache.glob("*.onnx")))  # the same weights
    found = Embedder(folder, 1)
    assert np.allclose(found.encode(["button"], "query"), found.encode(["query : button"]), atol=1e-5)
    assert not np.allclose(found.encode(["button"], "query"), found.encode(["button"]), atol=1e-3)


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_poolings_look_at_real_tokens_only(pooling):
    hidden = np.array([[[1.0, 4.0], [3.0, 2.0], [99.0, 99.0]]], np.float32)
    mask = np.array([[1, 1, 0]], np.int64)
    expected = {"mean": [2.0, 3.0], "cls": [1.0, 4.0], "max": [3.0, 4.0]}[pooling]
    assert POOLINGS[pooling](hidden, mask).tolist() == [expected]


def test_the_graph_is_made_once(embedder, model, cache, monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: pytest.fail("exported again"))
    assert Embedder(model, 1, cache).id == embedder.id


def test_a_graph_that_differs_is_not_kept(model, tmp_path, monkeypatch):
    from knowledge_base import onnx_export

    monkeypatch.setattr(onnx_export, "MIN_COSINE", 1.1)
    assert onnx_export.main([str(model), str(tmp_path / "graph.onnx"), "mean"]) == 3
    assert list(tmp_path.glob("*.onnx")) == list(tmp_path.glob("*.partial")) == []


def test_other_weights_have_another_id(model, embedder, tmp_path):
    other = make_model(tmp_path, seed=1)
    assert fingerprint(other) != fingerprint(model)
    assert embedder.id == f"bert-32-{fingerprint(model)[:10]}"


def test_a_folder_that_is_no_model_is_refused(tmp_path):
    with pytest.raises(IndexUnavailableError, match=r"modules\.json"):
        Embedder(tmp_path)
    (tmp_path / "modules.json").write_text('{"not": "a list"}')
    with pytest.raises(IndexUnavailableError, match="sentence-transformers"):
        Embedder(tmp_path)


def test_the_onnx_way_never_imports_torch(model, embedder, cache):
    code = (
        "import sys; from pathlib import Path; from knowledge_base.embed import Embedder;"
        "Embedder(Path(sys.argv[1]), 1, Path(sys.argv[2])).encode(['button']);"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, model, cache], check=True, cwd=Path(__file__).parents[2])
