"""The projector learns to see on tiny models, goes on after a kill to the same weights, and is refused bad screens."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from chatbot.errors import ModelError
from chatbot.prompt import Passage
from chatbot.vision.projector import WEIGHTS, fitting_config
from chatbot.vision.sight import ADAPTER_FOLDER, ProjectorFiles
from finetune.dataset.example import Context
from finetune.dataset.store import Dataset
from finetune.errors import DatasetError, TrainingError
from finetune.projector import VisionBase, train_projector
from finetune.run import RESULT
from finetune.screens import ROWS, read_screens
from finetune.settings import VisionTrainSettings
from tests.chatbot.vision.tiny_towers import save_tiny_tower
from tests.finetune.tiny import save_tiny_base
from tests.finetune.tiny_screens import write_screens

SETTINGS = VisionTrainSettings(
    layer=2,
    image_px=84,
    scale_factor=3,
    projector_width=32,
    r=4,
    lora_alpha=8,
    learning_rate=1e-2,
    projector_rate_factor=1.0,
    alignment_steps=30,
    epochs=2,
    pack_tokens=600,
    tokens_per_step=1200,
    evaluate_every_steps=5,
    checkpoint_every_s=0,
    threads=1,
    precision="fp32",
)
_KILLED = """
import json, os, signal, sys
from pathlib import Path
from finetune.projector import VisionBase, train_projector
from finetune.settings import VisionTrainSettings

data, out, base, tower, settings, step = sys.argv[1:]
def die(told):
    if told.step == int(step):
        os.kill(os.getpid(), signal.SIGKILL)
train_projector(Path(data), Path(out), VisionTrainSettings(**json.loads(settings)),
                VisionBase(Path(base), Path(tower)), progress=die)
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> VisionBase:
    base = save_tiny_base(tmp_path_factory.mktemp("base"), word_scale=30.0)
    return VisionBase(base, save_tiny_tower(tmp_path_factory.mktemp("tower")), "tiny", "tiny tower")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_screens(tmp_path_factory.mktemp("data") / "screens", 40)


@pytest.fixture(scope="module")
def joint(data: Path, models: VisionBase, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("joint") / "projector"
    train_projector(data, out, SETTINGS, models)
    return out


def test_it_learns_and_its_pictures_matter(joint: Path) -> None:
    found = json.loads((joint / RESULT).read_text("utf-8"))
    losses = [loss for _, loss in found["history"]]
    assert losses[-1] < losses[0] - 0.1
    assert found["loss_vision_sight_colour"] != pytest.approx(found["blind_loss_vision_sight_colour"], 1e-4)
    assert {"loss_both_ocr_text", "accuracy_vision_sight", "blind_accuracy_vision_sight"} <= found.keys()


def test_the_folder_is_a_projector_of_these_models_with_an_adapter(joint: Path, models: VisionBase) -> None:
    config = fitting_config(joint, base=models.llm, tower=models.tower)
    assert (config.tower.name, config.tower.layer, config.base.name) == ("tiny tower", 2, "tiny")
    assert config.visual_tokens == 4
    files = ProjectorFiles.fitting(joint, base=models.llm, tower=models.tower)
    assert files.adapter is not None
    assert files.adapter.gguf.is_file()
    assert (files.adapter.peft / "adapter_model.safetensors").is_file()


def test_alone_it_leaves_the_language_model_as_it_is(data: Path, models: VisionBase, tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"stage": "projector", "epochs": 0.2, "alignment_steps": 0})
    result = train_projector(data, tmp_path / "p", settings, models)
    assert result.steps >= 1
    assert not (tmp_path / "p" / ADAPTER_FOLDER).exists()
    assert (tmp_path / "p" / WEIGHTS).is_file()


def test_a_killed_run_goes_on_to_the_same_weights(
    data: Path, models: VisionBase, joint: Path, tmp_path: Path
) -> None:
    out = tmp_path / "projector"
    arguments = map(str, (data, out, models.llm, models.tower, SETTINGS.model_dump_json(), 4))
    killed = subprocess.run([sys.executable, "-c", _KILLED, *arguments], check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()[-2000:]
    steps: list[int] = []
    train_projector(
        data,
        out,
        SETTINGS,
        VisionBase(models.llm, models.tower, "", ""),
        progress=lambda told: steps.append(told.step),
    )
    assert steps[0] in (4, 5)  # the kill fell before or after the checkpoint of its step
    again, uncut = load_file(out / WEIGHTS), load_file(joint / WEIGHTS)
    assert all(torch.allclose(again[name], uncut[name], atol=2e-3) for name in uncut)


def test_it_goes_on_from_a_projector_that_is_there(
    data: Path, models: VisionBase, joint: Path, tmp_path: Path
) -> None:
    settings = SETTINGS.model_copy(
        update={"epochs": 0.2, "learning_rate": 1e-5, "projector_rate_factor": 0.1}
    )
    found = train_projector(data, tmp_path / "p", settings, models, start=joint)
    assert found.validation_loss == pytest.approx(
        json.loads((joint / RESULT).read_text("utf-8"))["validation_loss"], abs=0.05
    )
    before, after = load_file(joint / WEIGHTS), load_file(tmp_path / "p" / WEIGHTS)
    assert all(torch.allclose(after[name], before[name], atol=2e-3) for name in before)
    assert any(not torch.equal(after[name], before[name]) for name in before)


@pytest.mark.parametrize(
    ("changed", "said"),
    [({"projector_width": 16}, "another shape"), ({"r": 2, "lora_alpha": 4}, "other layers")],
)
def test_one_of_another_shape_is_no_beginning(
    data: Path, models: VisionBase, joint: Path, tmp_path: Path, changed: dict[str, int], said: str
) -> None:
    with pytest.raises(ModelError, match=said):
        train_projector(data, tmp_path / "p", SETTINGS.model_copy(update=changed), models, start=joint)


def test_what_is_no_projector_is_no_beginning(data: Path, models: VisionBase, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no projector to go on from"):
        train_projector(data, tmp_path / "p", SETTINGS, models, start=tmp_path)


def test_features_are_computed_once(joint: Path, data: Path, models: VisionBase) -> None:
    kept = {path: path.stat().st_mtime_ns for path in (joint.parent / "features").rglob("*.safetensors")}
    assert len(kept) == len(
        {(data / s.image).read_bytes() for part in read_screens(data).values() for s in part}
    )
    train_projector(data, joint, SETTINGS, models)
    assert all(path.stat().st_mtime_ns == time for path, time in kept.items())


def test_patches_that_cannot_be_joined_are_refused(data: Path, models: VisionBase, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be joined"):
        train_projector(data, tmp_path / "p", SETTINGS.model_copy(update={"scale_factor": 4}), models)


def test_a_run_that_was_stopped_says_so_and_goes_on(data: Path, models: VisionBase, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="stopped"):
        train_projector(data, tmp_path / "p", SETTINGS, models, should_stop=lambda: True)
    steps: list[int] = []
    train_projector(data, tmp_path / "p", SETTINGS, models, progress=lambda told: steps.append(told.step))
    assert steps[0] == 2


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "Line 2 of screens.jsonl is no screen"),
        ('{"image": "images/0.png", "split": "half"}', "Line 2 of screens.jsonl is no screen"),
        (
            '{"image": "gone.png", "split": "train", "ocr_text": "", "caption": "", "questions": []}',
            "names gone.png, which is not there",
        ),
    ],
)
def test_a_damaged_line_is_named(line: str, said: str, tmp_path: Path) -> None:
    folder = write_screens(tmp_path / "screens", 1)
    with (folder / ROWS).open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    with pytest.raises(DatasetError, match=said):
        read_screens(folder)


def test_a_folder_without_screens_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"There is no screens\.jsonl"):
        read_screens(tmp_path)


def test_passages_and_screens_are_learned_together(data: Path, models: VisionBase, tmp_path: Path) -> None:
    passages = tuple(Passage(n, f"d{n}", f"Title {n}", "", f"Words of passage {n}.") for n in (1, 2))
    context = Context("Lumen", passages)
    examples = tuple(
        context.example(
            f"What about {n}?", f"[1] Words of passage {n}.", kind="topic", source=f"s{n}", gold=1
        )
        for n in range(24)
    )
    texts = Dataset(examples[:20], examples[20:]).save(tmp_path / "texts")
    settings = SETTINGS.model_copy(update={"epochs": 1, "mixed_share": 0.5, "alignment_steps": 4})
    found = train_projector(data, tmp_path / "out", settings, models, texts=texts)
    figures = json.loads((tmp_path / "out" / RESULT).read_text("utf-8"))
    assert found.examples > 20
    assert {
        "loss_text_passages_topic",
        "loss_mixed_passages_topic",
        "loss_vision_sight_colour",
    } <= figures.keys()


def test_other_passages_make_another_run(data: Path, models: VisionBase, tmp_path: Path) -> None:
    context = Context("Lumen", (Passage(1, "d", "Title", "", "Words."),))
    settings = SETTINGS.model_copy(update={"epochs": 0.5, "alignment_steps": 3})
    losses = []
    for answer in ("[1] Words.", "[0] I do not know."):
        example = context.example("What?", answer, kind="topic", source="s", gold=1)
        texts = Dataset((example,) * 8, (example,)).save(tmp_path / answer[1] / "texts")
        losses.append(train_projector(data, tmp_path / "out", settings, models, texts=texts).loss)
    assert losses[0] != losses[1]
