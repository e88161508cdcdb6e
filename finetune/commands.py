"""`frontdesk finetune`: all commands of the tuning loop under one name."""

import typer

from finetune.data_commands import data_app
from finetune.forget_commands import forget_app
from finetune.recipe_commands import recipe_app
from finetune.registry_commands import registry_app
from finetune.tuning_commands import tuning_app
from finetune.vision_commands import vision_app
from finetune.vision_data_commands import vision_data_app

finetune_app = typer.Typer(help="From past conversations to a better adapter.", no_args_is_help=True)
for part in (data_app, tuning_app, forget_app, recipe_app, vision_data_app, vision_app, registry_app):
    finetune_app.add_typer(part)
