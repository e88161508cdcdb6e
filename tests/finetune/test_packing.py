"""Packs hold every example whole, once, and shared beginnings only once."""

from hypothesis import given
from hypothesis import strategies as st

from finetune.packing import IGNORE, Encoded, Flat, Pack, Tree, flatten, grow_trees, pack, steps_of


def _encoded(prompt: list[int], answer: list[int]) -> Encoded:
    ids = (*prompt, *answer)
    labels = (*([IGNORE] * len(prompt)), *answer)
    return Encoded(ids, labels, tuple(0.0 if label == IGNORE else 1.0 for label in labels))


def _family(start: int, questions: int) -> list[Encoded]:
    trunk = [start + (n % 7) for n in range(60)]
    return [_encoded([*trunk, 200 + q, 201 + q], [300 + q, 301 + q, 2]) for q in range(questions)]


def _seen_by(flat: Flat, at: int) -> list[int]:
    """Tokens that the one at `at` may look at, in order of position."""
    mine, above = flat.segments[at], flat.parents[flat.segments[at]]
    seen = [
        (flat.positions[i], flat.input_ids[i])
        for i in range(len(flat.input_ids))
        if flat.segments[i] in (mine, above) and flat.positions[i] <= flat.positions[at]
    ]
    return [token for _, token in sorted(seen)]


_TOKENS = st.lists(st.integers(3, 9), min_size=1, max_size=40)
_EXAMPLES = st.lists(
    st.builds(
        lambda shared, own, answer: _encoded([*([5] * shared), *own], answer),
        st.integers(0, 50),
        _TOKENS,
        _TOKENS,
    ),
    min_size=1,
    max_size=12,
)


@given(_EXAMPLES, st.integers(64, 400), st.integers(0, 3))
def test_each_answer_sees_exactly_its_own_example(
    examples: list[Encoded], limit: int, max_examples: int
) -> None:
    packs = pack(grow_trees(examples, limit, max_examples), limit)
    found = []
    for one in packs:
        flat = flatten(one)
        assert len(flat.input_ids) == one.tokens
        found += [(*_seen_by(flat, predictor), label) for predictor, label, _ in flat.targets]
    wanted = [
        (*example.input_ids[:at], example.labels[at])
        for example in examples
        for at in range(1, len(example))
        if example.labels[at] != IGNORE
    ]
    assert sorted(found) == sorted(wanted)


@given(_EXAMPLES, st.integers(64, 400))
def test_no_pack_is_longer_than_allowed_unless_one_tree_is(examples: list[Encoded], limit: int) -> None:
    packs = pack(grow_trees(examples, limit), limit)
    assert sum(one.examples for one in packs) == len(examples)
    assert all(one.tokens <= limit or len(one.trees) == 1 for one in packs)


def test_a_common_beginning_is_computed_once() -> None:
    trees = grow_trees([*_family(10, 4), *_family(90, 3)], 400)
    assert [len(tree.examples) for tree in trees] == [4, 3]
    assert [tree.trunk for tree in trees] == [60, 60]
    assert sum(tree.tokens for tree in trees) == 60 + 4 * 5 + 60 + 3 * 5


@given(_EXAMPLES, st.integers(64, 400), st.integers(1, 4))
def test_no_tree_holds_more_examples_than_allowed_and_none_is_lost(
    examples: list[Encoded], limit: int, max_examples: int
) -> None:
    trees = grow_trees(examples, limit, max_examples)
    assert all(len(tree.examples) <= max_examples for tree in trees)
    assert [id(example) for tree in trees for example in tree.examples] == [id(e) for e in examples]


def test_one_example_more_of_a_context_begins_another_tree_with_its_beginning() -> None:
    trees = grow_trees([*_family(10, 5), *_family(90, 2)], 400, 2)
    assert [len(tree.examples) for tree in trees] == [2, 2, 1, 2]
    assert [tree.trunk for tree in trees] == [60, 60, 0, 60]


def test_with_one_example_a_tree_nothing_is_shared() -> None:
    examples = _family(10, 3)
    packs = pack(grow_trees(examples, 400, 1), 400)
    assert sum(one.tokens for one in packs) == sum(map(len, examples))


def test_equal_prompts_with_different_answers_predict_from_the_trunk() -> None:
    prompt = list(range(3, 60))
    flat = flatten(Pack((Tree(57, (_encoded(prompt, [100, 2]), _encoded(prompt, [101, 2]))),)))
    assert [(label, predictor) for predictor, label, _ in flat.targets] == [
        (100, 56),
        (2, 57),
        (101, 56),
        (2, 59),
    ]


def test_steps_hold_about_the_wanted_tokens_and_every_pack_once() -> None:
    packs = pack(grow_trees([e for n in range(30) for e in _family(10 + 9 * n, 2)], 150), 150)
    steps = steps_of(packs, 450, seed=3)
    assert sorted(id(p) for step in steps for p in step) == sorted(id(p) for p in packs)
    assert all(sum(p.tokens for p in step) <= 600 for step in steps)
    assert steps_of(packs, 450, seed=3) == steps
    assert steps_of(packs, 450, seed=4) != steps
