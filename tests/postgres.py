"""A Postgres server of the tests' own: as an unprivileged user, on loopback, in a folder that is removed again."""

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from chatbot.database import Database
from chatbot.schema import Base

_MIGRATED = "migrated"
_START_S = 60
_FAST = (
    *(
        "fsync=off",
        "synchronous_commit=off",
        "full_page_writes=off",
        "wal_level=minimal",
        "max_wal_senders=0",
    ),
    *("autovacuum=off", "jit=off", "max_connections=200"),
)


class NoPostgresError(Exception):
    """The reason why there is no server."""


@dataclass(frozen=True)
class PostgresServer:
    """A running server with one database that is migrated already."""

    port: int

    def url(self, name: str) -> str:
        return f"postgresql://frontdesk@127.0.0.1:{self.port}/{name}"

    def emptied(self) -> str:
        """Address of the migrated database, without a row: emptying one is much faster than making one."""
        names = [table.name for table in reversed(Base.metadata.sorted_tables)]
        self.run("; ".join(f"DELETE FROM {name}" for name in names), _MIGRATED)
        return self.url(_MIGRATED)

    def new_database(self) -> str:
        """Address of a database without a table."""
        name = f"t{uuid.uuid4().hex}"
        self.run(f'CREATE DATABASE "{name}" TEMPLATE template0')
        return self.url(name)

    def run(self, statement: str, database: str = "postgres") -> None:
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[call-overload]


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Starts a server and stops it.

    Raises:
        NoPostgresError: There is none on this machine, or nobody that may run it.
    """
    programs, user = _programs(), _user()
    folder = Path(
        tempfile.mkdtemp(prefix="frontdesk-postgres-")
    )  # pytest's own folders are closed to the user
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, user)
        data = folder / "data"
        _run(
            user,
            programs / "initdb",
            "-D",
            data,
            "-U",
            "frontdesk",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
        )
        control = (programs / "pg_ctl", "-D", data, "-t", str(_START_S))
        server = _started(user, folder, control)
        try:
            server.run(f"CREATE DATABASE {_MIGRATED} TEMPLATE template0")
            Database(server.url(_MIGRATED)).close()
            yield server
        finally:
            _run(user, *control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _started(user: str, folder: Path, control: tuple[str | Path, ...]) -> PostgresServer:
    """Again with another port where somebody took it in between."""
    for attempts_left in (2, 1, 0):
        port = _free_port()
        options = (*_FAST, f"port={port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={folder}")
        given = " ".join(f"-c {option}" for option in options)
        try:
            _run(user, *control, "-w", "-l", folder / "log", "-o", given, "start")
            break
        except RuntimeError:
            if not attempts_left:
                raise
    return PostgresServer(port)


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or [Path(shutil.which("initdb") or "")]
    if not found[-1].is_file():
        raise NoPostgresError("no PostgreSQL on this machine (see tests/install_postgres.sh)")
    return found[-1].resolve().parent


def _user() -> str:
    """Postgres refuses to run as root."""
    if os.geteuid() != 0:
        return getpass.getuser()
    if shutil.which("runuser") is None:
        raise NoPostgresError("root has no runuser to start PostgreSQL as somebody else")
    return "postgres"


def _run(user: str, *command: str | Path) -> None:
    switch = ("runuser", "-u", user, "--") if os.geteuid() == 0 else ()
    done = subprocess.run(
        [*switch, *map(str, command)], cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stdout.strip()[-500:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
