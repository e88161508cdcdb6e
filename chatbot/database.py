"""The one database: opening it, migrating it, and sessions for reading and writing.

SQLite in WAL mode, or Postgres. It knows nothing of what is kept in the tables.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from chatbot.database_url import engine_url
from chatbot.errors import StorageError

_MIGRATION_LOCK = 5_230_418  # any number that nobody else locks in our database
_CONNECT_S = 10
_SPARE_CONNECTIONS = 20
_HINTS = {
    "sqlite": "Free some disk space and check the rights of the data folder.",
    "postgresql": "Check that the database server runs, and name, password and address in `database_url`.",
}


class Database:
    """Sessions on one database, brought to the newest schema. What a writing block has left is on disk.

    Args:
        url: `sqlite:////data/frontdesk.db` or `postgresql://user:password@host/name`.

    Attributes:
        is_shared: Whether other processes may work on it at the same time.

    Raises:
        StorageError: The database cannot be opened or migrated.
    """

    def __init__(self, url: str) -> None:
        self._engine = _open(url)
        self.is_shared = self._engine.dialect.name != "sqlite"
        self._sessions = sessionmaker(self._engine, expire_on_commit=False)
        writer = self._engine.execution_options(begin="IMMEDIATE")
        self._write_sessions = sessionmaker(writer, expire_on_commit=False)
        with self._errors():
            migrate(self._engine)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session for queries."""
        with self._errors(), self._sessions() as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session whose changes are kept together, or not at all when the block raises."""
        with self._errors(), self._write_sessions.begin() as session:
            yield session

    def close(self) -> None:
        """Closes all connections."""
        self._engine.dispose()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        hint = _HINTS[self._engine.dialect.name]
        try:
            yield
        except OperationalError as error:
            raise StorageError(f"The database cannot be used: {_first_line(error)}.", hint) from error
        except SQLAlchemyError as error:
            raise StorageError(f"The database refused the change: {_first_line(error)}.") from error


def migrate(engine: Engine) -> None:
    """Brings the database to the newest schema; of several processes that start together, one does it."""
    writer = engine.execution_options(begin="IMMEDIATE")
    with as_file(files("chatbot") / "migrations") as folder, writer.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        config = Config()
        config.set_main_option("script_location", str(folder))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _open(url: str) -> Engine:
    address = engine_url(url)
    if address.get_backend_name() == "postgresql":
        return _open_postgres(address)
    engine = create_engine(address, connect_args={"timeout": 30})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _open_postgres(address: URL) -> Engine:
    try:
        return create_engine(
            address,
            pool_pre_ping=True,  # the database server may have been restarted
            max_overflow=_SPARE_CONNECTIONS,
            connect_args={"connect_timeout": _CONNECT_S, "application_name": "frontdesk"},
        )
    except ModuleNotFoundError as error:
        raise StorageError(
            "Postgres needs the package psycopg, which is not installed.",
            "Install it: `pip install -c constraints.txt 'frontdesk[postgres]'`.",
        ) from error


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes the lock at once: two that both read first could never both go on.
    connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('begin', 'DEFERRED')}")


def _first_line(error: SQLAlchemyError) -> str:
    """What the driver says, without the statement and its values: they are the customer's."""
    said = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    return said.strip().partition("\n")[0].rstrip(".")
