"""Where pictures stand among a prompt's tokens, as llama.cpp puts them, for whoever computes in torch.

Each picture precedes the words of the last user turn, between two marks that are tokenised on their own. A visual
token is a negative number, so that it can be no word's.
"""

from collections.abc import Sequence
from typing import Any

from chatbot.generators.base import Prompt
from chatbot.vision.projector import IMAGE_BEGIN, IMAGE_END

_HERE = "\x00pictures\x00"


def visual_id(picture: int, place: int, visual_tokens: int) -> int:
    """The number that stands for one visual token of one picture, both counted from 0."""
    return -1 - picture * visual_tokens - place


def picture_and_place(number: int, visual_tokens: int) -> tuple[int, int]:
    """What `visual_id` stands for."""
    return divmod(-1 - number, visual_tokens)


def ids_with_pictures(
    tokenizer: Any, prompt: Prompt, pictures: Sequence[int], visual_tokens: int, prefix: str = ""
) -> list[int]:
    """The prompt in tokens up to where the assistant begins to speak, with the visual tokens of the pictures.

    Args:
        prompt: The last turn is the user's; control tokens in it have been made harmless.
        pictures: Numbers of the pictures, in their order.
        prefix: How the answer begins.
    """
    messages = [{"role": turn.role, "content": turn.content} for turn in prompt]
    if pictures:
        messages[-1]["content"] = _HERE + messages[-1]["content"]
    text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False) + prefix
    before, _, after = text.rpartition(_HERE)
    marked = [_marked(tokenizer, picture, visual_tokens) for picture in pictures]
    return [*_ids(tokenizer, before), *(i for one in marked for i in one), *_ids(tokenizer, after)]


def _marked(tokenizer: Any, picture: int, visual_tokens: int) -> list[int]:
    visual = (visual_id(picture, place, visual_tokens) for place in range(visual_tokens))
    return [*_ids(tokenizer, IMAGE_BEGIN), *visual, *_ids(tokenizer, IMAGE_END)]


def _ids(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"]) if text else []


def embedded(words: Any, input_ids: Any, visual: Any) -> Any:
    """A model's input: the embeddings of the words, and in order the visual tokens in their places.

    Args:
        words: The model's embedding layer.
        input_ids: `[batch, tokens]`, with negative numbers where visual tokens stand.
        visual: `[visual tokens, width]`; None without pictures.
    """
    found = words(input_ids.clamp(min=0))
    if visual is None:
        return found
    return found.masked_scatter((input_ids < 0)[..., None], visual.to(found.dtype))
