"""Which databases there may be, and how SQLAlchemy is told. It opens none."""

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from chatbot.errors import StorageError

_POSTGRES = ("postgresql", "postgres")
_POSTGRES_DRIVER = "postgresql+psycopg"


def engine_url(text: str) -> URL:
    """The address with the driver that we use; Postgres always by psycopg 3.

    Raises:
        StorageError: It is no address of a database.
    """
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise StorageError(
            "The address of the database cannot be read.",
            "Write it like `postgresql://user:password@host/name`; encode signs such as `@` in the password as `%40`.",
        ) from error
    return url.set(drivername=_POSTGRES_DRIVER) if url.drivername in _POSTGRES else url
