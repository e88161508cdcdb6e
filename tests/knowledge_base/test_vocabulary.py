from knowledge_base.documents import Document, FaqEntry
from knowledge_base.vocabulary import MAX_TERMS, vocabulary_of


def test_capitals_in_the_middle_of_sentences_are_names():
    texts = ["Put the Wren Dot near. Move it later.", "Restart your Wren Dot. Move on."]
    assert vocabulary_of([Document(t, "", t) for t in texts], []) == ("Wren Dot",)


def test_what_only_one_text_names_is_left_out():
    assert vocabulary_of([Document("a", "", "Ask for Barbara today.")], []) == ()


def test_front_matter_products_and_codes_always_count():
    documents = [
        Document(str(n), "", "See WR-104.", metadata={"product": "Wren One, Wren Out"}) for n in range(2)
    ]
    assert vocabulary_of(documents, []) == ("Wren One", "Wren Out", "WR-104")


def test_faq_entries_are_read_too():
    entries = [FaqEntry(str(n), "can I cancel Wrenfield Plus?", "Yes.") for n in range(2)]
    assert vocabulary_of([], entries) == ("Wrenfield Plus",)


def test_there_are_never_more_terms_than_a_recogniser_takes():
    text = " ".join(f"see Name{chr(97 + n % 26)}{chr(97 + n // 26)} and AB-{n + 100}," for n in range(200))
    found = vocabulary_of([Document("a", "", text), Document("b", "", text)], [])
    assert len(found) == MAX_TERMS
    assert any(term.startswith("AB-") for term in found)
    assert any(term.startswith("Name") for term in found)
