"""How the commands of the tuning loop print a result for programs."""

import json
import sys
from typing import Any


def print_json(found: Any) -> None:
    """One JSON value on one line of standard output; what is no plain value is written as text."""
    sys.stdout.write(json.dumps(found, ensure_ascii=False, default=str) + "\n")
