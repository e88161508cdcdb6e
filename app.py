"""The composition root: `python app.py` serves the page, `frontdesk` is the whole command line."""

import sys

from chatbot.cli import cli
from finetune.commands import finetune_app

cli.add_typer(finetune_app, name="finetune")


def main() -> None:
    """Runs the `frontdesk` command."""
    cli()


if __name__ == "__main__":
    cli(sys.argv[1:] or ["serve"])
