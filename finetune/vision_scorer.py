"""The loss of a pack whose prompts hold pictures: visual tokens take the places of words in the model's input."""

from collections.abc import Sequence
from typing import Any

from chatbot.vision.places import embedded, picture_and_place
from finetune.model import tensors_of, without_adapter
from finetune.packing import Flat


def make_vision_scorer(projector: Any, llm: Any) -> Any:
    """A module of projector and language model whose forward gives the weighted sum of losses of a pack, `[]`."""
    from torch import nn

    class VisionScorer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.projector, self.llm = projector, llm

        def forward(self, *, labels: Any, weights: Any, **given: Any) -> Any:
            logits = self.logits(**given)
            return (nn.functional.cross_entropy(logits, labels, reduction="none") * weights).sum()

        def logits(
            self, input_ids: Any, positions: Any, mask: Any, predictors: Any, features: Any, visual: Any
        ) -> Any:
            """What is predicted at each predicting position, in single precision: `[targets, vocabulary]`."""
            base = without_adapter(self.llm)
            tokens = None
            if features is not None:
                tokens = self.projector(features.float()).flatten(0, 1)[visual]
            hidden = base.model(
                inputs_embeds=embedded(base.get_input_embeddings(), input_ids, tokens),
                position_ids=positions,
                attention_mask=mask,
                use_cache=False,
            ).last_hidden_state
            return base.lm_head(hidden[0, predictors]).float()

    return VisionScorer()


def vision_tensors_of(flat: Flat, features: Sequence[Any], visual_tokens: int, device: Any) -> dict[str, Any]:
    """A flattened pack as the scorer's arguments.

    Args:
        features: Of every picture by its number, `[patches, tower width]`.

    Returns:
        As `model.tensors_of`, and `features` of the pack's pictures with `visual`, the row of each visual token.
    """
    import torch

    places = [picture_and_place(number, visual_tokens) for number in flat.input_ids if number < 0]
    pictures = sorted({picture for picture, _ in places})
    rows = {picture: row * visual_tokens for row, picture in enumerate(pictures)}
    seen = torch.stack([features[picture].float() for picture in pictures]).to(device) if pictures else None
    visual = torch.tensor([rows[picture] + place for picture, place in places], device=device)
    return {**tensors_of(flat, device), "features": seen, "visual": visual}
