"""Lines larger than memory should hold: skipped in a process whose memory is measured, and the next record is used."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.finetune.transcripts_files import ANSWERED, ASKED, chat

GIB, MIB = 2**30, 2**20
_FILLING = (
    2**18
)  # beyond the sample that tells text from binary data; the rest of the line is a hole in the file
_CSV = "conversation_id,role,text\n"
_READ = """
import json, resource, sys
from pathlib import Path
from finetune.transcripts import Dropped, read_transcripts

def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

list(read_transcripts(Path(sys.argv[2])))
before = peak_mib()
found = list(read_transcripts(Path(sys.argv[1])))
kinds = [f.kind if isinstance(f, Dropped) else "used" for f in found]
print(json.dumps({"kinds": kinds, "grown_mib": peak_mib() - before}))
"""


def giant(path: Path, before: str, after: str, size: int) -> Path:
    """A file with one line of `size` bytes that takes next to no room on the disk."""
    with path.open("wb") as file:
        file.write(before.encode() + b"x" * _FILLING)
        file.seek(size)
        file.write(f"\n{after}".encode())
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="counts memory as Linux does")
@pytest.mark.parametrize(
    ("name", "before", "after", "size"),
    [
        ("a.jsonl", '{"messages": "', json.dumps(chat()) + "\n", GIB),
        ("a.csv", f"{_CSV}x,customer,", f"a,customer,{ASKED}\na,agent,{ANSWERED}\n", 256 * MIB),
    ],
)
def test_a_line_that_fills_the_file_is_not_kept_in_memory(
    tmp_path: Path, name: str, before: str, after: str, size: int
) -> None:
    path = giant(tmp_path / name, before, after, size)
    small = giant(tmp_path / f"small-{name}", before, after, MIB)
    done = subprocess.run(
        [sys.executable, "-c", _READ, str(path), str(small)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(done.stdout)
    assert told["kinds"] == ["too_long", "used"]
    assert told["grown_mib"] < 220  # of 32 million characters at most, in two or three forms
