"""The one database: opening it, migrating it, and sessions for reading and writing.

SQLite in WAL mode, or Postgres. It knows nothing of what is kept in the tables.
"""

import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.resources import as_file, files
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from chatbot.database_url import engine_url
from chatbot.errors import InputError, StorageError
from chatbot.turnstile import Turnstile

_MIGRATION_LOCK = 5_230_418  # any number that nobody else locks in our database
_ALONE_LOCKS = 523
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
        is_shared: Whether several servers may work on it at the same time.
        process_id: Tells this process from others on the same database.

    Raises:
        StorageError: The database cannot be opened or migrated.
    """

    def __init__(self, url: str) -> None:
        self._engine = _open(url)
        self.is_shared = self._engine.dialect.name != "sqlite"
        self.process_id = uuid.uuid4().hex
        # SQLite has one writer, and lets those that wait for it poll: some would wait for all others.
        self._turnstile: AbstractContextManager[None] = nullcontext() if self.is_shared else Turnstile()
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
        with self._turnstile, self._errors(), self._write_sessions.begin() as session:
            yield session

    @contextmanager
    def writing_alone(self, what: str) -> Iterator[Session]:
        """The same, after every other such block for the same thing, in whatever process: for what is read first."""
        with self.writing() as session:
            if self._engine.dialect.name == "postgresql":  # SQLite has one writer anyway
                key = {"group": _ALONE_LOCKS, "what": what}
                session.execute(text("SELECT pg_advisory_xact_lock(:group, hashtext(:what))"), key)
            yield session

    @contextmanager
    def own_connection(self) -> Iterator[Any]:
        """A connection of the driver's, outside the pool; each of its statements is kept at once."""
        with self._errors(), self._engine.connect() as pooled:
            pooled.detach()
            connection: Any = pooled.connection.dbapi_connection
            connection.autocommit = True
            try:
                yield connection
            except self._engine.dialect.loaded_dbapi.Error as error:
                raise StorageError(f"The database cannot be used: {error}.") from error

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Reads of one moment, while others go on writing."""
        level = {} if self._engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
        with self._errors(), self._engine.connect().execution_options(**level) as connection:
            yield connection

    @contextmanager
    def replacing(self) -> Iterator[Connection]:
        """A connection that may change tables too; what the block does is kept together, or not at all."""
        with self._errors(), self._engine.execution_options(begin="IMMEDIATE").begin() as connection:
            yield connection

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
    """Brings the database to the newest schema; of several processes that start together, one does it.

    One that is the newest already is only read: whoever opens it does not wait for who is writing.
    """
    with engine.connect() as connection, _migrations(connection) as config:
        known = MigrationContext.configure(connection).get_current_revision()
        if known == ScriptDirectory.from_config(config).get_current_head():
            return
    writer = engine.execution_options(begin="IMMEDIATE")
    with writer.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        migrate_to(connection, "head")


def migrate_to(connection: Connection, revision: str) -> None:
    """Brings the database from an older schema to this one.

    Raises:
        InputError: There is no such revision: it comes from a newer version.
    """
    with _migrations(connection) as config:
        try:
            command.upgrade(config, revision)
        except CommandError as error:
            raise InputError(
                f"The database's schema {revision!r} is not known here.",
                "Install the newest version of Frontdesk.",
            ) from error


@contextmanager
def _migrations(connection: Connection) -> Iterator[Config]:
    with as_file(files("chatbot") / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder))
        config.attributes["connection"] = connection
        yield config


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
