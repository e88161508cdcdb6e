"""The database as lines of JSON, and back: the same on SQLite and Postgres, so a backup of one restores to the other.

It knows no table by name but those that let somebody in: what there is comes from the database itself.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from sqlalchemy import Column, Connection, DateTime, Integer, MetaData, Table, func, select, text

from chatbot.database import Database, migrate_to
from chatbot.errors import InputError

VERSION_TABLE = "alembic_version"
SECRET_TABLES = frozenset({"api_keys", "accounts"})
PASSING_TABLES = frozenset({"account_sessions", "account_links"})
"""Never in a backup: they would let in again who has signed out, and open links that were used."""
_BATCH_ROWS = 500


def dump(database: Database, *, secrets: bool) -> Iterator[bytes]:
    """One line for the schema's revision, then one a row; all of one moment, while others go on writing.

    Args:
        secrets: Also the tables that let somebody in.
    """
    with database.snapshot() as connection:
        yield _line({"revision": _revision(connection)})
        tables = _tables(connection)
        for table in tables.sorted_tables:
            if table.name in {VERSION_TABLE, *PASSING_TABLES, *(() if secrets else SECRET_TABLES)}:
                continue
            rows = connection.execution_options(yield_per=_BATCH_ROWS).execute(select(table))
            for row in rows.mappings():
                yield _line({"table": table.name, "row": {k: _plain(v) for k, v in row.items()}})


def load(database: Database, lines: Iterator[bytes]) -> None:
    """Puts the rows in the place of everything that the database holds, all or nothing.

    Raises:
        InputError: The backup is of a newer version, or of none.
        StorageError: The database refuses.
    """
    with database.replacing() as connection:
        _tables(connection).drop_all(connection)
        migrate_to(connection, str(json.loads(next(lines))["revision"]))
        tables = _tables(connection).tables
        parsed = map(json.loads, lines)
        while batch := list(islice(parsed, _BATCH_ROWS)):
            for name in dict.fromkeys(line["table"] for line in batch):
                table = tables[name]
                rows = [_typed(table, line["row"]) for line in batch if line["table"] == name]
                connection.execute(table.insert(), rows)
        if connection.dialect.name == "postgresql":
            _count_on(connection, tables.values())
        migrate_to(connection, "head")


def is_empty(database: Database) -> bool:
    """Whether no table that a backup can hold has a row."""
    with database.snapshot() as connection:
        outside = {VERSION_TABLE, *PASSING_TABLES}
        tables = [t for t in _tables(connection).sorted_tables if t.name not in outside]
        return not any(connection.execute(select(text("1")).select_from(t).limit(1)).first() for t in tables)


def _tables(connection: Connection) -> MetaData:
    tables = MetaData()
    tables.reflect(connection)
    return tables


def _revision(connection: Connection) -> str:
    return str(connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar_one())  # noqa: S608


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=True).encode("ascii") + b"\n"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return (value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)).isoformat()
    return value


def _typed(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    if unknown := set(row) - set(table.columns.keys()):
        raise InputError(f"The backup has a column {min(unknown)!r} that {table.name} has not.")
    return {name: _value(table.columns[name], value) for name, value in row.items()}


def _value(column: "Column[Any]", value: Any) -> Any:
    is_time = isinstance(column.type, DateTime) and isinstance(value, str)
    return datetime.fromisoformat(value) if is_time else value


def _count_on(connection: Connection, tables: Any) -> None:
    """Numbers that Postgres gives go on after those that there are."""
    for table in tables:
        for column in table.primary_key.columns:
            if len(table.primary_key.columns) == 1 and isinstance(column.type, Integer):
                name = connection.execute(
                    select(func.pg_get_serial_sequence(table.name, column.name))
                ).scalar()
                if name and (last := connection.execute(select(func.max(column))).scalar()):
                    connection.execute(select(func.setval(name, last)))
