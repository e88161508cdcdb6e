"""The composition root: `python app.py` serves the page, `frontdesk` is the whole command line."""

import sys

from chatbot.cli import bench_app, cli
from finetune.bench_commands import bench_train
from finetune.commands import finetune_app
from finetune.web.mount import mount_finetune_page, mount_inbox_page

cli.add_typer(finetune_app, name="finetune")
bench_app.command("train")(bench_train)
PAGES = (mount_finetune_page, mount_inbox_page)


def main() -> None:
    """Runs the `frontdesk` command."""
    cli(obj=PAGES)


if __name__ == "__main__":
    cli(sys.argv[1:] or ["serve"], obj=PAGES)
