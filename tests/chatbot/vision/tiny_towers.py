"""A DINOv2 tower of three blocks with random weights, made in the test."""

import json
from pathlib import Path

import torch
from transformers import Dinov2Config, Dinov2Model

PATCH_PX = 14


def save_tiny_tower(folder: Path, seed: int = 0) -> Path:
    """Width 24, patches of 14 pixels, trained for squares of 84."""
    torch.manual_seed(seed)
    config = Dinov2Config(
        hidden_size=24, num_hidden_layers=3, num_attention_heads=2, image_size=84, patch_size=PATCH_PX
    )
    model = Dinov2Model(config)
    with torch.no_grad():  # positions and class token are zero in a fresh model
        for name, parameter in model.named_parameters():
            if name.startswith("embeddings") or "layer_scale" in name:
                torch.nn.init.normal_(parameter, std=0.5)
    model.save_pretrained(folder)
    statistics = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
    (folder / "preprocessor_config.json").write_text(json.dumps(statistics), encoding="utf-8")
    return folder
