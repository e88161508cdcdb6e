"""Settings of the handoff to a person; `chatbot.settings` nests them under `handoff`."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator

from chatbot.opening import OpeningHours
from chatbot.webhook_settings import WebhookSettings

_CONFIG = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, validate_default=True)
_TOPICS = (
    "lawyer", "solicitor", "lawsuit", "legal action", "sue you", "data breach", "caught fire", "on fire",
    "burst into flames", "electric shock", "injured", "kill myself", "suicidal", "harassment",
    "律师", "起诉", "法院", "着火", "起火", "触电", "受伤", "自杀",
)  # fmt: skip


class HandoffSettings(BaseModel):
    """When a person is brought in, and when one is there."""

    model_config = _CONFIG

    time_zone: str = "UTC"
    """Time zone of the opening hours, such as `Europe/Berlin`."""
    opening_hours: tuple[str, ...] = ()
    """When people of the team answer, such as `mon-fri 09:00-17:30` and `sat 10:00-14:00`; when unset, customers are
    only told whether somebody is there now."""
    sensitive_topics: tuple[str, ...] = _TOPICS
    """Words and phrases that bring in a person whatever else is asked."""
    frustration_threshold: float = Field(1.0, gt=0)
    """From which a fed-up customer is handed to a person; 1 is one outspoken complaint, a large number is never."""
    present_s: float = Field(90.0, ge=10)
    """How long after its last sign of life an agent's open inbox counts as somebody being there, in seconds."""
    canned_replies: tuple[str, ...] = ()
    """Replies that agents can put in with one press, beside the built-in ones."""

    webhooks: dict[str, WebhookSettings] = Field(default_factory=dict)
    """Outside help desks and programs that are told of tickets, by name; see docs/handoff.md."""

    @field_validator("time_zone")
    @classmethod
    def _is_known(cls, time_zone: str) -> str:
        try:
            ZoneInfo(time_zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"there is no time zone `{time_zone}`; write it like `Europe/Berlin`") from error
        return time_zone

    @field_validator("opening_hours")
    @classmethod
    def _are_hours(cls, opening_hours: tuple[str, ...]) -> tuple[str, ...]:
        OpeningHours.read(opening_hours, "UTC")
        return opening_hours

    @property
    def hours(self) -> OpeningHours:
        """The opening hours as a value."""
        return OpeningHours.read(self.opening_hours, self.time_zone)
