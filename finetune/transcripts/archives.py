"""The files of a ZIP of transcripts: the guard of `knowledge_base.archives` in the words of this package."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath

from finetune.transcripts.values import Dropped, Source, TranscriptError
from knowledge_base import archives
from knowledge_base.archives import ArchiveLimits, Member
from knowledge_base.errors import DocumentError


def check_sizes(source: Source) -> None:
    """Refuses a ZIP (or a spreadsheet, which is one) that would unpack to too much.

    Raises:
        TranscriptError: It is damaged, too large or a ZIP bomb.
    """
    with _told_as_ours():
        archives.check_sizes(source.path, source.label, _limits(source))


def members(source: Source) -> Iterator[Member | Dropped]:
    """Every file of a ZIP in turn, called by its own name without folders; those that are refused are reported.

    Raises:
        TranscriptError: The ZIP is damaged as a whole, too large or a bomb.
    """
    with _told_as_ours():
        for found in archives.members(source.path, source.label, _limits(source)):
            if isinstance(found, Member):
                yield Member(found.path, PurePosixPath(found.name).name)
            else:
                yield source.dropped(found.number, found.kind, found.why)


def _limits(source: Source) -> ArchiveLimits:
    limits = source.limits
    return ArchiveLimits(limits.max_archive_files, limits.max_archive_bytes, limits.max_ratio)


@contextmanager
def _told_as_ours() -> Iterator[None]:
    try:
        yield
    except DocumentError as error:
        raise TranscriptError(error.message, error.hint) from error
