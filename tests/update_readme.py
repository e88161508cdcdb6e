"""Writes the settings table into README.md: `python tests/update_readme.py`."""

import re
from pathlib import Path

from chatbot.settings_table import settings_table

README = Path(__file__).resolve().parent.parent / "README.md"
MARKS = r"(<!-- settings -->\n).*?(\n<!-- /settings -->)"

if __name__ == "__main__":
    text = README.read_text(encoding="utf-8")
    table = re.sub(MARKS, lambda m: m[1] + settings_table() + m[2], text, flags=re.DOTALL)
    README.write_text(table, encoding="utf-8")
