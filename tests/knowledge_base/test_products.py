"""Product names keep passages on neighbouring products apart."""

from knowledge_base.documents import Document
from knowledge_base.products import Products

PRODUCTS = Products(
    Document(name, name, "", metadata={"product": name}) for name in ("Wren Dot", "Wren Out", "Account", "")
)


def test_names_are_found_in_any_case_and_in_the_plural() -> None:
    assert PRODUCTS.named_in("My wren dots and the Wren Out") == {"wren dot", "wren out"}


def test_single_words_are_no_product_names() -> None:
    assert PRODUCTS.named_in("my account is out") == frozenset()


def test_without_products_nothing_is_named() -> None:
    assert Products([]).named_in("Wren Dot") == frozenset()


def test_texts_that_name_the_same_share_one_set() -> None:
    dot, more, lamp, cable = PRODUCTS.named_in_each(["a Wren Dot", "Wren Dots again", "a lamp", "a cable"])
    assert dot == {"wren dot"}
    assert dot is more
    assert lamp is cable
    assert lamp == frozenset()
