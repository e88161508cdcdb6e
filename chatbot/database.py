"""The one database: opening it, migrating it, and sessions for reading and writing.

SQLite in WAL mode or any other database of SQLAlchemy's. It knows nothing of what is kept in the tables.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from chatbot.errors import StorageError


class Database:
    """Sessions on one database, brought to the newest schema. What a writing block has left is on disk.

    Args:
        url: SQLAlchemy database address, for example `sqlite:////data/frontdesk.db`.

    Raises:
        StorageError: The database cannot be opened or migrated.
    """

    def __init__(self, url: str) -> None:
        self._engine = _open(url)
        self._sessions = sessionmaker(self._engine, expire_on_commit=False)
        writer = self._engine.execution_options(begin="IMMEDIATE")
        self._write_sessions = sessionmaker(writer, expire_on_commit=False)
        with _storage_errors():
            migrate(self._engine)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session for queries."""
        with _storage_errors(), self._sessions() as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session whose changes are kept together, or not at all when the block raises."""
        with _storage_errors(), self._write_sessions.begin() as session:
            yield session

    def close(self) -> None:
        """Closes all connections."""
        self._engine.dispose()


def migrate(engine: Engine) -> None:
    """Brings the database to the newest schema."""
    with as_file(files("chatbot") / "migrations") as folder, engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(folder))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _open(url: str) -> Engine:
    engine = create_engine(url, connect_args={"timeout": 30} if url.startswith("sqlite") else {})
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes the lock at once: two that both read first could never both go on.
    connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('begin', 'DEFERRED')}")


@contextmanager
def _storage_errors() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        raise StorageError(
            f"The database cannot be used: {error.orig}.",
            "Free some disk space and check the rights of the data folder.",
        ) from error
    except SQLAlchemyError as error:
        raise StorageError(f"The database refused the change: {error}.") from error
