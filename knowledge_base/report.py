"""What one change of the knowledge base did."""

from collections.abc import Callable
from dataclasses import dataclass, field

Progress = Callable[[int, int, str], None]
"""Called with files done, files in all, and the file that comes next (or an empty string at the end)."""


def no_progress(done: int, total: int, source: str) -> None:
    """Tells nobody."""


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What one change did; a document and a FAQ entry count as one each.

    Attributes:
        removed: What is no longer in its file, or whose file is no longer in its folder.
        failed: What was left out, as (source, reason), also single rows of a table.
    """

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    failed: tuple[tuple[str, str], ...] = ()

    def __add__(self, other: "IngestReport") -> "IngestReport":
        """Both together."""
        return IngestReport(
            self.added + other.added,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            self.removed + other.removed,
            (*self.failed, *other.failed),
        )


@dataclass(slots=True)
class Run:
    """A change under way.

    Attributes:
        sources: By key, the source that has it in this run.
    """

    origin: str
    adopt: bool = False
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)

    def report(self) -> IngestReport:
        """What it did so far."""
        return IngestReport(self.added, self.updated, self.unchanged, self.removed, tuple(self.failed))
