"""Which kind of question is asked, by its words."""

import pytest

from chatbot.question_kind import QuestionKind as K
from chatbot.question_kind import fits, is_answered_by, question_kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("How do I cancel Plus before the trial ends?", K.HOW),
        ("ordered by mistake, how can I stop it", K.HOW),
        ("Hi, could you please tell me how to return a Dot?", K.HOW),
        ("My device arrived damaged. What should I do?", K.HOW),
        ("is there a way to turn off the light", K.HOW),
        ("How long does shipping take?", K.HOW_LONG),
        ("how many days until I get my router", K.HOW_LONG),
        ("How much does Plus cost?", K.HOW_MUCH),
        ("what is the price of a Wren Pro", K.HOW_MUCH),
        ("For how many homes is one subscription valid?", K.HOW_MUCH),
        ("when will my package arrive", K.WHEN),
        ("what time does support open", K.WHEN),
        ("Where do I enter a voucher code?", K.WHERE),
        ("Who pays for sending a return?", K.WHO),
        ("why was I charged twice", K.WHY),
        ("Which payment methods do you accept?", K.WHAT),
        ("What happens if I cancel?", K.WHAT),
        ("Will I be charged if I cancel Plus during the trial?", K.WHETHER),
        ("cancelled in the trial, do I still have to pay", K.WHETHER),
        ("Is support open on Sundays?", K.WHETHER),
        ("Can't I open wren.local?", K.WHETHER),
        ("Was I charged twice?", K.WHETHER),
        # German, French, Spanish, Chinese
        ("Wie kündige ich Plus?", K.HOW),
        ("Wie lange dauert der Versand?", K.HOW_LONG),
        ("Was kostet Plus im Monat?", K.HOW_MUCH),
        ("Was ist im Lieferumfang?", K.WHAT),
        ("Kann ich mit PayPal zahlen?", K.WHETHER),
        ("Wo finde ich meine Rechnung?", K.WHERE),
        ("Comment résilier Plus ?", K.HOW),
        ("Combien de temps dure la garantie ?", K.HOW_LONG),
        ("Combien coûte la livraison ?", K.HOW_MUCH),
        ("Est-ce que je peux payer par carte ?", K.WHETHER),
        ("Puis-je retourner un routeur ouvert ?", K.WHETHER),
        ("¿Cómo cancelo Plus?", K.HOW),
        ("¿Cuánto tiempo tarda el envío?", K.HOW_LONG),
        ("¿Cuánto cuesta?", K.HOW_MUCH),
        ("¿Puedo pagar con tarjeta?", K.WHETHER),
        ("¿Dónde está mi factura?", K.WHERE),
        ("怎么取消 Plus？", K.HOW),
        ("运费是多少？", K.HOW_MUCH),
        ("标准配送需要多少天？", K.HOW_LONG),
        ("可以用信用卡付款吗", K.WHETHER),
        ("退款什么时候到账？", K.WHEN),
        # no words say it
        ("stop my subscription", None),
        ("Can't log in", None),
        ("Do not show the light at night", None),
        ("router will not turn on", None),
        ("And what about the phone?", None),
        ("", None),
    ],
)
def test_kinds(text: str, kind: K | None) -> None:
    assert question_kind(text) is kind


def test_a_yes_or_no_answers_no_open_question_but_a_fact_tells_whether_it_is_so() -> None:
    for kind in K:
        assert is_answered_by(kind, K.WHETHER) == (kind is K.WHETHER)
        assert is_answered_by(K.WHETHER, kind)
        assert is_answered_by(kind, kind)
        assert is_answered_by(kind, None)
        assert is_answered_by(None, kind)


def test_a_question_fits_where_one_phrasing_is_of_its_kind() -> None:
    charged = ("Will I be charged if I cancel?", "does it cost anything to stop", "trial cancellation fee")
    assert not fits("How do I cancel before the trial ends?", charged)
    assert fits("Do I pay if I cancel?", charged)
    assert fits("cancel the trial", charged)
    assert fits("How do I cancel?", (*charged, "how to stop it"))
    assert fits("How do I cancel?", ("trial cancellation fee",))
