"""Check digits that tell a real card, account or identity number from any other row of digits."""

_RESIDENT_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_NIF_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"


def luhn(digits: str) -> bool:
    """ISO/IEC 7812: payment cards and IMEI numbers."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + position % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def iban(text: str) -> bool:
    """ISO 13616: country, two check digits, account; spaces are ignored."""
    compact = "".join(text.split()).upper()
    if not (15 <= len(compact) <= 34 and compact.isascii() and compact.isalnum()):
        return False
    if not (compact[:2].isalpha() and compact[2:4].isdigit()):
        return False
    return int("".join(str(int(c, 36)) for c in compact[4:] + compact[:4])) % 97 == 1


def chinese_resident_id(text: str) -> bool:
    """GB 11643-1999: seventeen digits with a plausible birthday and a check character (ISO 7064, MOD 11-2)."""
    if len(text) != 18 or not (text[:17].isascii() and text[:17].isdigit()):
        return False
    month, day = int(text[10:12]), int(text[12:14])
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return False
    total = sum(int(digit) * weight for digit, weight in zip(text, _RESIDENT_WEIGHTS, strict=False))
    return "10X98765432"[total % 11] == text[17].upper()


def spanish_nif(text: str) -> bool:
    """Spanish DNI or NIE: eight digits, or X, Y or Z and seven, and a letter."""
    compact = text.upper().replace("-", "")
    body = compact[:-1].translate(str.maketrans("XYZ", "012"))
    return body.isdigit() and len(compact) == 9 and compact[-1] == _NIF_LETTERS[int(body) % 23]


def polish_pesel(digits: str) -> bool:
    """Polish PESEL: eleven digits, birthday first."""
    weights = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)
    if len(digits) != 11 or not digits.isdigit():
        return False
    return sum(int(d) * w for d, w in zip(digits, weights, strict=True)) % 10 == 0
