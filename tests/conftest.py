"""What several test modules share: the real models, fetched once, and isolated settings."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest

from chatbot.settings import Settings, load_settings
from tests.postgres import NoPostgresError, PostgresServer, running_postgres

hypothesis.settings.register_profile("frontdesk", deadline=None)  # machines of tests are busy
hypothesis.settings.load_profile("frontdesk")

os.environ.setdefault("FRONTDESK_KNOWLEDGE_BASE__IMAGES", "false")
"""Servers that tests start would read the example company's images beside the tests; those about images say so."""

WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
"""Processes that run tests side by side: they share the cores, for threads that wait for each other are slow."""

if WORKERS > 1:
    for variable in ("FRONTDESK_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(variable, str(max(1, (os.cpu_count() or 1) // WORKERS)))

for variable in ("COLUMNS", "LINES"):  # what loads readline says them to all that comes after
    os.environ.pop(variable, None)

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
FIGURES = "figures"
"""The property under which a test records what is told at the end of the run, also by another process."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tells what tests have measured."""
    for report in (*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")):
        for name, told in report.user_properties:
            if name == FIGURES:
                terminalreporter.write_line(f"\n{report.nodeid}\n{told}")


@dataclass(frozen=True)
class ModelFiles:
    """Where the default models lie after they have been fetched and verified."""

    llm: Path
    embedder: Path
    whisper: Path
    vision_tower: Path
    folder: Path


@pytest.fixture(scope="session")
def model_files() -> ModelFiles:
    """The real default models, in the folder that the application itself uses."""
    from chatbot.models import ModelStore, Purpose

    settings = load_settings()
    store = ModelStore(settings.models_path, offline=settings.offline)
    return ModelFiles(
        llm=store.resolve(settings.llm, Purpose.LLM_GGUF),
        embedder=store.resolve(settings.embedder, Purpose.EMBEDDER),
        whisper=store.resolve(settings.whisper, Purpose.SPEECH),
        vision_tower=store.resolve(settings.vision_tower, Purpose.VISION),
        folder=settings.models_path,
    )


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Default settings with a data folder of the test's own."""
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real Postgres server; tests that need it are skipped where there is none."""
    try:
        with running_postgres() as server:
            yield server
    except NoPostgresError as error:
        pytest.skip(str(error))


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind that there may be: what is promised holds on both."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'frontdesk.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.emptied()


@pytest.fixture(scope="session")
def eval_data() -> Path:
    """The evaluation data; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("FRONTDESK_EVAL_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no evaluation data at {folder} (set FRONTDESK_EVAL_DATA)")
    return folder


@pytest.fixture(autouse=True, scope="session")
def _quiet_environment() -> None:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with all tables, made once: migrating one for each test takes most of the time."""
    from chatbot.database import Database

    path = tmp_path_factory.mktemp("database") / "frontdesk.db"
    Database(f"sqlite:///{path}").close()
    return path
