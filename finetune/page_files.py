"""What the page for fine-tuning keeps beside the stages, for erasure: files that wait for their import, blind tests."""

import json
import shutil
from collections.abc import Collection
from pathlib import Path


def remove_uploads(folder: Path) -> int:
    """Removes every file that was uploaded and not imported yet; how many.

    What such a file holds is known only when it has been read, perhaps with another mapping of columns, so all go:
    they are copies, and whoever uploaded them can do so again. The import then leaves out what was forgotten.
    """
    if not folder.is_dir():
        return 0
    places = sorted(folder.iterdir())
    for place in places:
        shutil.rmtree(place)
    return len(places)


def remove_blind_tests(folder: Path, gone: Collection[str], evaluations: Path) -> tuple[str, ...]:
    """Removes the blind tests whose questions may be of forgotten conversations; their names.

    Args:
        gone: Names of adapters that were trained on them, whose tests have held-out questions of the same data.
        evaluations: Those that are left; a test that was made of another one cannot be shown to be free of them.
    """
    left = {name for path in evaluations.glob("**/*.json") if (name := _name_in(path, "name"))}
    removed = []
    for path in sorted(folder.glob("*.json")):
        sides = {_name_in(path, "candidate"), _name_in(path, "current")}
        if sides & set(gone) or not sides <= left:
            path.unlink(missing_ok=True)
            removed.append(path.stem)
    return tuple(removed)


def _name_in(path: Path, key: str) -> str:
    """A text in a JSON object; empty when it is not there."""
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))[key])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
