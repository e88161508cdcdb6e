"""Numbers, codes, dates, addresses and Chinese data, found without a language model."""

import pytest

from chatbot.privacy import pattern_redactor
from chatbot.privacy.checksums import chinese_resident_id, iban, luhn, polish_pesel, spanish_nif

REDACTOR = pattern_redactor()


def masked(text: str) -> str:
    return REDACTOR.mask(text).text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mail me at jo.march@mail.example please", "mail me at <EMAIL> please"),
        ("my card is 4111 1111 1111 1111", "my card is <CREDIT_CARD>"),
        ("pay from DE89 3704 0044 0532 0130 00", "pay from <IBAN>"),
        ("call me on +44 20 7946 0958", "call me on <PHONE>"),
        ("you can reach me at 555-123-4567.", "you can reach me at <PHONE>."),
        ("my SSN is 078-05-1120", "my SSN is <IDENTITY_NUMBER>"),
        ("passport number C01234567", "passport number <IDENTITY_NUMBER>"),
        ("my account number is 93847561", "my account number is <ACCOUNT_NUMBER>"),
        ("I was born on 3 May 1990.", "I was born on <DATE_OF_BIRTH>."),
        ("it came from 93.184.216.34 yesterday", "it came from <IP_ADDRESS> yesterday"),
        ("my password is hunter2!x", "my password is <PASSWORD>"),
        ("order WF-20251103 has not come", "order <ORDER_ID> has not come"),
        ("where is my order #8812345?", "where is my order #<ORDER_ID>?"),
        ("ticket T-104233 is still open", "ticket <TICKET_ID> is still open"),
        ("serial WRA12B34C56D on the back", "serial <SERIAL_NUMBER> on the back"),
        ("MAC 00:1B:44:11:3A:B7", "MAC <SERIAL_NUMBER>"),
        ("send it to 12 Harbour Lane, Leeds LS1 4AP", "send it to <ADDRESS>"),
        ("Ich wohne in der Lindenstraße 12, 10969 Berlin", "Ich wohne in der <ADDRESS>"),
        ("my office is 3 Plover Yard, Stowgate.", "my office is <ADDRESS>."),
        ("c'est pour le 12 rue des Tilleuls, 99138 Valmont", "c'est pour le <ADDRESS>"),
        ("our VAT number is ATU99999999", "our VAT number is <ACCOUNT_NUMBER>"),
        ("my zip code is 610", "my zip code is <POSTCODE>"),
        ("we live in Vila de Almancil 8135-107.", "we live in Vila de Almancil <POSTCODE>."),
        ("please return it to Lund and Kvernvej 66", "please return it to <ADDRESS>"),
        ("I was on Old Harbour Street at noon", "I was on <ADDRESS> at noon"),
        ("it should go to 57, avenue Annika Brune, thanks", "it should go to <ADDRESS>, thanks"),
        ("the billing address is 61/265, Bharga Street", "the billing address is <ADDRESS>"),
        ("Travessa de Mendes, 162 is where I live", "<ADDRESS> is where I live"),
        ("please leave it at 0703 Kestrel Circle", "please leave it at <ADDRESS>"),
        ("we moved to Suppanstr. 6-7 last week", "we moved to <ADDRESS> last week"),
        ("our office is on rue Marc Tibault", "our office is on <ADDRESS>"),
        ("the postcode is D04 X2Y3", "the postcode is <POSTCODE>"),
        ("my zip code is 22-894.", "my zip code is <POSTCODE>."),
        ("my postcode is 73806756", "my postcode is <POSTCODE>"),
        ("postal code: H-9323", "postal code: <POSTCODE>"),
        ("(08572) 296973 has always been ours", "<PHONE> has always been ours"),
        ("661 299 722 is the phone I use", "<PHONE> is the phone I use"),
        ("Je n'ai pas de smartphone. Camille Berthier", "Je n'ai pas de smartphone. <PERSON>"),
        ("my name is Oona Kirkby and I need help", "my name is <PERSON> and I need help"),
        ("Kind regards,\nOona Kirkby", "Kind regards,\n<PERSON>"),
    ],
)
def test_personal_data_becomes_a_typed_placeholder(text: str, expected: str) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("我的手机号是13812345678", "我的手机号是<PHONE>"),
        ("座机 010-62345678", "座机 <PHONE>"),
        ("身份证11010519491231002X", "身份证<IDENTITY_NUMBER>"),
        ("银行卡号是6222021234567890123", "银行卡号是<CREDIT_CARD>"),
        ("我叫王小明，路由器坏了", "我叫<PERSON>，路由器坏了"),
        ("订单号：20251103887，还没到", "订单号：<ORDER_ID>，还没到"),
        ("邮编是100084", "邮编是<POSTCODE>"),
        ("我1990年5月3日出生", "我<DATE_OF_BIRTH>出生"),
        ("请寄到北京市海淀区中关村大街27号", "请寄到<ADDRESS>"),
    ],
)
def test_chinese_data_is_found_without_a_model(text: str, expected: str) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "The app shows WR-101 and the light is amber.",
        "Wren Pro costs €179.00, the Dot €89, delivery takes 3 to 5 days.",
        "Please call 030 5550 1720 or write to help@wrenfield.example.",
        "Open http://192.168.1.1 and set DNS to 1.1.1.1 with MTU 1492.",
        "I call 192.168.77.2 from 192.168.77.50 and reach nothing.",
        "An address that begins with 2 means IPv6 is there, prices include VAT.",
        "Firmware 4.12.3 of 2025-10-14 mends channel 36 at 5180 MHz.",
        "Hold the button for 10 seconds, then wait 90 seconds.",
        "We are open 9:00 to 18:00, Monday to Friday.",
        "Thanks, it works now!",
        "价格是299元，三天内送到。",
        "重启路由器，等待60秒。",
        "",
        "   \n\n ",
    ],
)
def test_what_a_support_answer_needs_stays(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        (luhn, "4111111111111111", "4111111111111112"),
        (iban, "DE89370400440532013000", "DE89370400440532013001"),
        (chinese_resident_id, "11010519491231002X", "110105194912310021"),
        (chinese_resident_id, "11010519491231002x", "110105199913310021"),
        (spanish_nif, "12345678Z", "12345678A"),
        (spanish_nif, "X1234567L", "X1234567A"),
        (polish_pesel, "44051401359", "44051401358"),
    ],
)
def test_check_digits_tell_real_numbers_from_others(check, right: str, wrong: str) -> None:  # type: ignore[no-untyped-def]
    assert check(right)
    assert not check(wrong)


@pytest.mark.parametrize("check", [iban, chinese_resident_id, spanish_nif, polish_pesel])
@pytest.mark.parametrize("text", ["", "x", "１２３４５６７８９０１", "²²²", "-----------"])
def test_check_digits_survive_anything(check, text: str) -> None:  # type: ignore[no-untyped-def]
    assert not check(text)


def test_a_chinese_number_that_fails_its_check_needs_a_word() -> None:
    assert masked("批次 110105194912310021 的说明") == "批次 110105194912310021 的说明"
    assert "<IDENTITY_NUMBER>" in masked("身份证号110105194912310021")
