"""Settings of the tuning loop."""

import pytest
from pydantic import ValidationError

from finetune.settings import DatasetSettings, FinetuneSettings, TrainSettings, VisionTrainSettings


def test_the_longest_example_must_fit_the_longest_prompt() -> None:
    with pytest.raises(ValidationError, match="max_length"):
        FinetuneSettings(dataset=DatasetSettings(max_prompt_tokens=1000), train=TrainSettings(max_length=900))


@pytest.mark.parametrize("wrong", [{"r": 0}, {"method": "full"}, {"learning_rate": 0}, {"rank": 4}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TrainSettings.model_validate(wrong)


def test_questions_about_one_screen_are_computed_together_however_many() -> None:
    assert TrainSettings().examples_per_context == 2
    assert VisionTrainSettings().examples_per_context == 0


def test_every_setting_says_what_it_does() -> None:
    for group in (DatasetSettings, TrainSettings):
        assert all(field.description for field in group.model_fields.values())
