"""Who a conversation is of, without saying it: salted hashes for ids, masked names of files.

A hash stands for the same customer in every redaction of one data folder, so that erasure finds all of them; without
the folder's salt nobody can try out e-mail addresses against it.
"""

import hashlib
import hmac
import re
import secrets
from pathlib import Path

from chatbot.errors import StorageError
from chatbot.privacy import PiiType, Redactor, placeholder
from chatbot.privacy.lexicon import lexicon
from knowledge_base.atomic import create_atomically

SALT_FILE = "redaction.salt"
_SALT_BYTES = 32
_PSEUDONYM = re.compile(r"p-[0-9a-f]{24}")
_DATE = re.compile(r"(?:19|20)\d\d[01]\d[0-3]\d")
_LONG_NUMBER = re.compile(r"(?<!\d)\d{7,}(?!\d)")
_WORD = re.compile(r"[^\W\d_]{3,}")


def load_salt(data_dir: Path) -> bytes:
    """The salt of a data folder, made at the first call and readable by its owner only.

    Raises:
        StorageError: It cannot be read or written, or is no salt of ours.
    """
    path = data_dir / SALT_FILE
    try:
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            create_atomically(path, secrets.token_bytes(_SALT_BYTES))
        salt = path.read_bytes()
    except OSError as error:
        raise StorageError(f"{path.name} cannot be used: {error.strerror}.") from error
    if len(salt) != _SALT_BYTES:
        raise StorageError(
            f"{path.name} is damaged.", "Restore it from a backup: with another one, erasure finds nobody."
        )
    return salt


def pseudonym(name: str, salt: bytes) -> str:
    """The same short hash for the same id, whatever its case; nothing for nothing, and a pseudonym stays one."""
    plain = name.strip().casefold()
    if not plain or _PSEUDONYM.fullmatch(plain):
        return plain
    return f"p-{hmac.new(salt, plain.encode(), hashlib.sha256).hexdigest()[:24]}"


def masked_id(name: str, redactor: Redactor, salt: bytes) -> str:
    """A conversation's id, as a pseudonym when it holds personal data such as a ticket number or an address."""
    return pseudonym(name, salt) if redactor.mask(name).counts else name


def masked_file_name(name: str, redactor: Redactor) -> str:
    """A file's name without what points to a person: names are often written small and with hyphens.

    Every listed given name goes, with the family name after it, and every number of seven digits or more that is no
    date. A name that nothing was found in is left as it is.
    """
    stem, dot, suffix = name.rpartition(".")
    if not stem or not suffix.isalnum() or len(suffix) > 5:
        stem, dot, suffix = name, "", ""
    found = redactor.mask(stem.replace("_", " "))
    spaced = re.sub(r"[-.]+", " ", found.text) if found.counts else re.sub(r"[_\-.]+", " ", stem)
    again = redactor.mask(_with_capitals(spaced))
    masked = _without_numbers(_without_names(again.text))
    if not found.counts and masked.casefold() == spaced.casefold():
        return name
    return f"{masked}{dot}{suffix}"


def _with_capitals(text: str) -> str:
    return _WORD.sub(lambda m: m.group().capitalize() if m.group().islower() else m.group(), text)


def _without_names(text: str) -> str:
    names, kept, follows = lexicon(), [], False
    for word in text.split(" "):
        lower = word.lower()
        is_name = (
            lower in names.given or (follows and lower in names.family)
        ) and lower not in names.everyday
        if not is_name:
            kept.append(word)
        elif not follows:
            kept.append(placeholder(PiiType.PERSON))
        follows = is_name
    return " ".join(kept)


def _without_numbers(text: str) -> str:
    return _LONG_NUMBER.sub(
        lambda m: m.group() if _DATE.fullmatch(m.group()) else placeholder(PiiType.PRIVATE), text
    )
