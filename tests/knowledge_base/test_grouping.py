import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from knowledge_base.embed_backends import normalised
from knowledge_base.grouping import groups


def test_alike_texts_are_together_and_large_groups_first():
    vectors = normalised(np.array([[1, 0], [0, 1], [0.1, 1], [1, 0.1], [0, 0.9]], np.float32))
    assert groups(vectors, 0.9) == [[1, 2, 4], [0, 3]]
    assert groups(np.zeros((0, 2), np.float32), 0.9) == []


@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(0.1, 1)), max_size=20), st.floats(-1, 1))
def test_every_text_is_in_one_group_like_the_first_of_it(points, similarity):
    vectors = normalised(np.array(points, np.float32).reshape(-1, 2))
    found = groups(vectors, similarity)
    assert sorted(place for group in found for place in group) == list(range(len(points)))
    assert all(vectors[p] @ vectors[group[0]] >= similarity - 1e-6 for group in found for p in group[1:])
