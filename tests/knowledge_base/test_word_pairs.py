"""Words that stand side by side on a screen find the passage that has them so."""

from pathlib import Path

import pytest

from knowledge_base.word_pairs import pair_scores
from tests.knowledge_base.test_retrieve import found


def test_only_neighbours_of_one_line_count_and_each_pair_once() -> None:
    passages = ["Open Account Settings.", "Settings of your account", "account settings, Account Settings"]
    first, second, third = pair_scores("Account setting\nSave", passages)
    assert first == third > second == 0
    assert not pair_scores("Account\nSettings", passages).any()
    assert not pair_scores("Account", passages).any()


def test_what_few_passages_have_counts_more_than_what_all_have() -> None:
    everywhere = "Mozilla Firefox"
    passages = [f"{everywhere} or another browser", f"{everywhere}: proxy refused", everywhere]
    scores = pair_scores(f"{everywhere}\nThe proxy refused connections", passages)
    assert scores[1] > 3 * scores[0] == pytest.approx(3 * scores[2])
    assert scores[0] > 0


def test_chinese_is_compared_by_characters_in_a_row() -> None:
    assert list(pair_scores("系统设置", ["打开系统设置页面", "设置系统"]) > 0) == [True, False]


def test_without_passages_there_is_nothing() -> None:
    assert pair_scores("Account settings", []).shape == (0,)


@pytest.mark.parametrize("question", ["", "what is this?"])
def test_a_screen_finds_what_names_its_parts_as_it_does(
    open_knowledge_base, tmp_path: Path, question: str
) -> None:
    texts = {
        "mixed": "Settings, account. Phone, recovery. Options, backup.",
        "named": "Under Recovery Phone choose Backup Options, then Account Settings.",
        "other": "Delivery takes three days.",
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.md").write_text(f"---\nid: {name}\ntitle: Help\n---\n\n{text}\n")
    knowledge_base = open_knowledge_base()
    knowledge_base.add_path(tmp_path)
    screen = "Account Settings\nRecovery Phone\nBackup Options"
    assert found(knowledge_base.retrieve(question, extra=screen))[0] == "named"
    words_alone = knowledge_base.snapshot().lexical.scores(screen)
    ids = [chunk.document_id for chunk in knowledge_base.snapshot().chunks]
    assert ids[int(words_alone.argmax())] == "mixed"
