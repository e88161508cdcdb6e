"""What llama.cpp sees through the exported tower and projector is what torch sees: tokens and greedy text."""

import base64
from pathlib import Path
from typing import Any

import gguf
import httpx
import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoTokenizer

from chatbot.adapter_files import base_digest
from chatbot.generators.base import ChatTurn
from chatbot.generators.llama_cpp import LlamaCppGenerator
from chatbot.generators.transformers import TransformersGenerator
from chatbot.vision.encoder import VisionEncoder, png_of, read_square
from chatbot.vision.mmproj import cached_mmproj
from chatbot.vision.projector import (
    IMAGE_BEGIN,
    IMAGE_END,
    BaseSpec,
    ProjectorConfig,
    build_projector,
    save_projector,
)
from chatbot.vision.sight import ProjectorFiles, TorchSight
from tests.conftest import EXAMPLES, ModelFiles
from tests.finetune.f16_base import write_f16

PICTURES = ("two-step-wrong-code.png", "updating-phone-photo.jpg", "invoices-tablet.png")
LEAST_COSINE = 0.999
WIDTH, HEADS, ENLARGED = 576, 9, 100.0


@pytest.fixture(scope="module")
def base(model_files: ModelFiles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_f16(model_files.llm, tmp_path_factory.mktemp("base") / "base-f16.gguf")


@pytest.fixture(scope="module", params=[2, 3])
def files(
    request: pytest.FixtureRequest,
    base: Path,
    model_files: ModelFiles,
    tmp_path_factory: pytest.TempPathFactory,
) -> ProjectorFiles:
    """A projector with random weights: its tokens differ from picture to picture, which is all that is needed."""
    folder = tmp_path_factory.mktemp("projector")
    spec = VisionEncoder(model_files.vision_tower, layer=9).spec
    config = ProjectorConfig(spec, BaseSpec("f16", base_digest(base), 576), scale_factor=request.param)
    torch.manual_seed(5)
    save_projector(folder, build_projector(config), config)
    return ProjectorFiles.fitting(folder, base=base, tower=model_files.vision_tower)


@pytest.fixture(scope="module")
def averager(tmp_path_factory: pytest.TempPathFactory, model_files: ModelFiles) -> Path:
    """A language model of one block whose last hidden state is the mean of all its normalised inputs, much enlarged."""
    reader = gguf.GGUFReader(model_files.llm)
    path = tmp_path_factory.mktemp("averager") / "averager.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    own = {"general.architecture", "llama.block_count", "llama.attention.head_count_kv"}
    for field in reader.fields.values():
        if field.name not in own and not field.name.startswith("GGUF."):
            inner = field.types[1] if field.types[0] is gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(field.name, field.contents(), field.types[0], inner)
    writer.add_block_count(1)
    writer.add_head_count_kv(HEADS)
    for tensor in reader.tensors:
        if not tensor.name.startswith("blk.") or tensor.name.startswith("blk.0."):
            values = gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
            writer.add_tensor(tensor.name, _averaging(tensor.name, values))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _averaging(name: str, values: Any) -> Any:
    """Keys and queries of zero look at all tokens alike; values pass through, and the rest of the block is silent."""
    unit = np.eye(WIDTH, dtype=np.float32)
    if values.ndim == 1:
        return np.ones_like(values)
    replaced = {"attn_q": 0 * unit, "attn_k": 0 * unit, "attn_v": unit, "attn_output": ENLARGED * unit}
    found = next((matrix for part, matrix in replaced.items() if part in name), values)
    return np.zeros_like(values) if "ffn_down" in name else found


def averaged_by_llama_cpp(averager: Path, mmproj: Path, square: Image.Image) -> Any:
    """The last hidden state of a prompt of one picture, of length 1: `[width]`."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path, params.mmproj.path = str(averager), str(mmproj)
    params.n_ctx = params.n_batch = params.n_ubatch = 512
    params.embedding, params.warmup, params.verbosity = True, False, -1
    params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_NONE
    server = xllamacpp.Server(params)
    data = base64.b64encode(png_of(square)).decode("ascii")
    with httpx.Client(base_url=server.listening_address, timeout=60) as client:
        marker = client.get("/props").json()["media_marker"]
        content = {"prompt_string": marker, "multimodal_data": [data]}
        answer = client.post("/embeddings", json={"content": content}).json()
    return torch.tensor(answer[0]["embedding"][-1])


def averaged_by_torch(averager: Path, visual: Any) -> Any:
    words = torch.from_numpy(_word_embeddings(averager))
    tokenizer = AutoTokenizer.from_pretrained(averager.parent, gguf_file=averager.name)
    begin, end = (words[tokenizer(mark)["input_ids"]] for mark in (IMAGE_BEGIN, IMAGE_END))
    inputs = torch.cat([begin, visual, end])
    normalised = inputs / inputs.square().mean(-1, keepdim=True).sqrt()
    return inputs[-1] + ENLARGED * normalised.mean(0)


def _word_embeddings(path: Path) -> Any:
    (tensor,) = (t for t in gguf.GGUFReader(path).tensors if t.name == "token_embd.weight")
    return np.array(tensor.data)


@pytest.mark.models
def test_visual_tokens_are_equal(files: ProjectorFiles, averager: Path, tmp_path: Path) -> None:
    mmproj = cached_mmproj(files.folder, files.config, files.tower, tmp_path)
    seen = []
    for name in PICTURES:
        path = EXAMPLES / "screenshots" / name
        expected = averaged_by_torch(averager, TorchSight(files).tokens_of([path]))
        square = read_square(path, files.config.tower.image_px)
        seen.append((averaged_by_llama_cpp(averager, mmproj.path, square), expected))
    same = [float(torch.cosine_similarity(theirs, ours, dim=0)) for theirs, ours in seen]
    crossed = float(torch.cosine_similarity(seen[0][0], seen[1][1], dim=0))
    print(f"cosines {same}, of different pictures {crossed}")
    assert min(same) > LEAST_COSINE
    assert crossed < min(same)


@pytest.mark.models
@pytest.mark.timeout(1200)  # seconds each; the machines of tests are busy
def test_both_engines_say_the_same_of_the_same_pictures(
    files: ProjectorFiles, base: Path, tmp_path: Path
) -> None:
    paths = [EXAMPLES / "screenshots" / name for name in PICTURES]
    asked = [ChatTurn("system", "Look."), ChatTurn("user", "Question: What does this screen show?")]
    sets = [*([path] for path in paths), paths[:2], []]
    mmproj = cached_mmproj(files.folder, files.config, files.tower, tmp_path)
    said = []
    for make in (
        lambda: LlamaCppGenerator(base, context_tokens=1024, parallel_turns=1, mmproj=mmproj),
        lambda: TransformersGenerator(base, context_tokens=1024, projector=files),
    ):
        generator = make()
        try:
            texts = ["".join(generator.stream(asked, images=some, max_new_tokens=16)) for some in sets]
            lengths = [generator.count_tokens(asked, images=some) for some in sets]
            chosen = [generator.choose(asked, [" A", " B", " I"], images=some) for some in sets]
        finally:
            generator.close()
        said.append((texts, lengths, chosen))
    (theirs, their_lengths, their_chosen), (ours, our_lengths, our_chosen) = said
    print(theirs)
    assert theirs == ours
    assert their_lengths == our_lengths
    assert np.allclose(their_chosen, our_chosen, atol=0.01)
    assert len(set(theirs)) > 1  # the pictures make a difference
    assert our_lengths[0] - our_lengths[-1] == files.config.visual_tokens + 6
