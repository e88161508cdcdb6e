import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge_base.retrieve import comparing, fuse_rankings

RANKINGS = st.dictionaries(st.text(max_size=3), st.lists(st.sampled_from("abcdefgh"), max_size=8), max_size=4)


def test_fusion_adds_reciprocal_ranks():
    fused = fuse_rankings({"dense": ["a", "b"], "bm25": ["b", "c"]}, k=60)
    assert fused == [
        ("b", pytest.approx(1 / 62 + 1 / 61)),
        ("a", pytest.approx(1 / 61)),
        ("c", pytest.approx(1 / 62)),
    ]


def test_a_weight_counts_a_ranking_more():
    rankings = {"dense": ["a"], "bm25": ["b"]}
    assert fuse_rankings(rankings, 60, {"bm25": 2.0})[0][0] == "b"
    assert fuse_rankings(rankings, 60, {"bm25": 0.5})[0][0] == "a"


@given(RANKINGS, st.integers(1, 1000))
def test_fusion_ranks_exactly_what_was_ranked_best_first(rankings, k):
    fused = fuse_rankings(rankings, k)
    assert {identifier for identifier, _ in fused} == {i for ranking in rankings.values() for i in ranking}
    assert [score for _, score in fused] == sorted((score for _, score in fused), reverse=True)
    assert len(fused) == len(dict(fused))


@given(st.lists(st.sampled_from("abcdefgh"), unique=True), st.integers(1, 1000), st.integers(1, 4))
def test_rankings_that_agree_are_kept_as_they_are(ranking, k, copies):
    fused = fuse_rankings({str(n): ranking for n in range(copies)}, k)
    assert [identifier for identifier, _ in fused] == ranking


@given(RANKINGS, st.integers(1, 1000))
def test_rising_in_one_ranking_never_lowers_a_score(rankings, k):
    before = dict(fuse_rankings(rankings, k))
    for name, ranking in rankings.items():
        for identifier in ranking:
            raised = {**rankings, name: [identifier, *ranking]}
            assert dict(fuse_rankings(raised, k))[identifier] >= before[identifier] - 1e-12


def found(result) -> list[str]:
    return [retrieved.chunk.document_id for retrieved in result.chunks]


def test_the_passage_that_answers_comes_first(knowledge_base):
    result = knowledge_base.retrieve("how many days to return a device")
    assert found(result)[0] == "sub/returns"
    assert result.query == "how many days to return a device"


def test_scores_are_the_raw_ones_of_each_ranking(knowledge_base):
    best = knowledge_base.retrieve("solid red means a hardware fault").chunks[0]
    assert best.chunk.heading_path == ("Red",)
    assert 0.3 < best.scores["dense"] <= 1.0
    assert best.scores["bm25"] > 0


@pytest.mark.parametrize("question", ["how many days to return a device", "Solid amber. " * 60 + "red?"])
def test_passages_that_come_without_a_search_are_compared_as_in_one(knowledge_base, embedder, question):
    found = knowledge_base.retrieve(question).chunks
    texts = [retrieved.chunk.embedding_text for retrieved in found]
    expected = [retrieved.scores["dense"] for retrieved in found]
    assert comparing(embedder)(question, texts) == pytest.approx(expected, abs=1e-5)
    assert comparing(embedder)(question, []) == []
    assert comparing(embedder)(" ", texts) == [0.0] * len(texts)


def test_top_k_limits_the_passages(knowledge_base):
    assert len(knowledge_base.retrieve("the", top_k=2).chunks) == 2
    assert len(knowledge_base.retrieve("the").chunks) <= 5


@pytest.mark.parametrize("question", ["WR-104", "wr104 what now", "wr 104"])
def test_a_code_brings_what_explains_it(knowledge_base, question):
    result = knowledge_base.retrieve(question)
    assert "WR-104" in result.chunks[0].chunk.embedding_text
    assert result.faq[0].entry.id == "wr-104"


def test_an_answer_about_another_code_is_never_offered(knowledge_base):
    assert "wr-104" not in [m.entry.id for m in knowledge_base.retrieve("What does WR-201 mean?").faq]
    unknown = [match.entry.id for match in knowledge_base.retrieve("What does WR-999 mean?").faq]
    assert "wr-104" not in unknown
    assert "wr-201" not in unknown


def test_faq_matches_come_by_their_nearest_phrasing_once_each(knowledge_base):
    matches = knowledge_base.retrieve("when will my parcel arrive").faq
    assert (matches[0].entry.id, matches[0].phrasing) == ("ship", "when will my parcel arrive")
    assert matches[0].similarity == pytest.approx(1.0, abs=1e-4)
    assert len({match.entry.id for match in matches}) == len(matches) <= 5


def test_a_faq_answer_is_a_passage_too_and_cites_its_article(knowledge_base):
    result = knowledge_base.retrieve("when will my parcel arrive")
    best = result.chunks[0].chunk
    assert (best.document_id, best.title, best.text) == (
        "faq:ship",
        "How long does shipping take?",
        "Three to five days.",
    )
    assert knowledge_base.document("faq:ship").text[best.start : best.end] == best.text
    assert knowledge_base.faq("amber").url == "https://help.example/light"


def test_a_screen_alone_is_a_question(knowledge_base):
    result = knowledge_base.retrieve("", extra="Sign in failed\nWR-104\nOK  Cancel")
    assert "WR-104" in result.chunks[0].chunk.embedding_text


def test_the_rare_words_of_a_screen_outweigh_its_menus(open_knowledge_base, tmp_path):
    shared = "menu tools view help file edit"
    texts = {"menus": shared, "telemetry": "telemetry off: nothing sent"}
    texts |= {
        f"other-{i}": f"{shared} and much else: parcel, red lamp, days until device {i} returns, who pays, how long"
        for i in range(8)
    }
    rows = [json.dumps({"id": key, "title": key, "text": text}) for key, text in texts.items()]
    (tmp_path / "articles.jsonl").write_text("\n".join(rows), encoding="utf-8")
    small = open_knowledge_base()
    small.add_path(tmp_path / "articles.jsonl")
    screen = f"{shared} telemetry off nothing sent"
    assert found(small.retrieve("", extra=screen))[0] == "telemetry"
    assert found(small.retrieve(screen))[0] == "menus"


def test_a_code_on_the_screen_outweighs_a_vague_question(knowledge_base):
    screen = "Home Devices Family Account\nConnection failed\nWR-201\nRetry  Help  Close"
    result = knowledge_base.retrieve("it does not work, what now", extra=screen)
    assert "WR-201" in result.chunks[0].chunk.embedding_text


def test_a_screen_full_of_menus_does_not_drown_a_clear_question(knowledge_base):
    result = knowledge_base.retrieve("how many days to return a device", extra="File Edit View Help " * 200)
    assert found(result)[0] == "sub/returns"


def test_a_script_the_embedder_cannot_read_is_matched_by_its_characters(knowledge_base):
    result = knowledge_base.retrieve("快递几天能到")
    assert result.faq[0].entry.id == "zh-ship"
    assert result.faq[0].similarity < 0.9
    assert result.chunks[0].chunk.document_id == "faq:zh-ship"
    assert 0 < result.chunks[0].scores["coverage"] == result.chunks[0].scores["dense"] <= 1
    assert knowledge_base.retrieve("退款多久能到？").faq[0].similarity == pytest.approx(1.0, abs=1e-3)


def test_an_english_question_is_not_answered_in_chinese(knowledge_base):
    ids = [match.entry.id for match in knowledge_base.retrieve("what is this").faq]
    assert ids[0] not in ("zh-ship", "zh-refund")


@pytest.mark.parametrize("question", ["", "   ", "\n"])
def test_an_empty_question_finds_nothing(knowledge_base, question):
    result = knowledge_base.retrieve(question)
    assert (result.chunks, result.faq) == ((), ())


def test_an_empty_knowledge_base_finds_nothing(open_knowledge_base):
    assert open_knowledge_base().retrieve("router", extra="WR-104").chunks == ()


@pytest.mark.parametrize("question", ["?!", "\x00\ud800", "😡😡", "0" * 10_000, "router " * 3_000, "﷽" * 50])
def test_odd_questions_never_fail(knowledge_base, question):
    assert len(knowledge_base.retrieve(question, extra=question).chunks) <= 5


def test_many_threads_search_at_once(knowledge_base):
    expected = found(knowledge_base.retrieve("solid amber"))
    answers: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda: answers.append(found(knowledge_base.retrieve("solid amber"))))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [expected] * 8
