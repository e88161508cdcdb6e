"""The composition root: `python app.py` serves the page, `frontdesk` is the whole command line."""

import sys

from chatbot.cli import cli


def main() -> None:
    """Runs the `frontdesk` command."""
    cli()


if __name__ == "__main__":
    cli(sys.argv[1:] or ["serve"])
