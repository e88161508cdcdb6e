"""Settings of insight; `chatbot.settings` nests them under `insights`."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from chatbot.insights.rule import SurgeRule

MOST_MESSAGES = 4_000
_CONFIG = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, validate_default=True)


class InsightSettings(BaseModel):
    """What is looked for in past conversations, and what customers are offered because of them."""

    model_config = _CONFIG

    look_every_s: float = Field(3600.0, ge=0)
    """How often topics and surges are looked for in the background, in seconds; 0 is never."""
    max_messages: int = Field(MOST_MESSAGES, ge=100, le=100_000)
    """Most messages that topics are made of; of more, an even sample of whole conversations is taken."""
    surge_level: float = Field(0.01, gt=0, lt=0.5)
    """Chance of any false alarm in one look at steady data."""
    surge_window_hours: int = Field(24, ge=1, le=168)
    """Length of the window whose negative messages are compared with those of the windows before, in hours."""
    surge_history_days: int = Field(28, ge=7, le=365)
    """How far back the history goes, in days."""
    surge_min_count: int = Field(5, ge=1)
    """Fewest negative messages on a topic that are told as a surge."""
    suggestions: bool = True
    """Offer likely next questions and related articles in the chat, where they beat the most frequent ones."""

    @property
    def rule(self) -> SurgeRule:
        """When a surge is told, as a value."""
        return SurgeRule(
            level=self.surge_level,
            min_count=self.surge_min_count,
            window=timedelta(hours=self.surge_window_hours),
            history=timedelta(days=self.surge_history_days),
        )
