"""Settings of what may be used in a day; `chatbot.web_settings` nests them under `daily`."""

from pydantic import BaseModel, ConfigDict, Field

_CONFIG = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, validate_default=True)
KINDS = ("visitor", "customer", "address", "site", "key")


class DailyLimits(BaseModel):
    """What one subject may use in a day of UTC; no limit where there is none."""

    model_config = _CONFIG

    messages: int | None = Field(None, ge=0)
    """Messages, completions and transcriptions."""
    uploads: int | None = Field(None, ge=0)
    """Files."""
    audio_s: int | None = Field(None, ge=0)
    """Seconds of recordings and videos."""
    tokens: int | None = Field(None, ge=0)
    """Tokens that the language model reads and writes; the answer that goes beyond is still given."""


class DailySettings(BaseModel):
    """Limits of each kind of subject."""

    model_config = _CONFIG

    visitor: DailyLimits = DailyLimits(messages=300, uploads=100, audio_s=1800, tokens=300_000)
    """One anonymous visitor."""
    customer: DailyLimits = DailyLimits(messages=600, uploads=300, audio_s=3600, tokens=600_000)
    """One customer whom the help desk has signed."""
    address: DailyLimits = DailyLimits(messages=3000, uploads=1000, audio_s=18_000, tokens=3_000_000)
    """One address."""
    site: DailyLimits = DailyLimits()
    """One site."""
    key: DailyLimits = DailyLimits()
    """One API key."""

    def by_kind(self) -> dict[str, dict[str, int]]:
        """The limits that there are, by kind of subject and what is measured."""
        return {kind: getattr(self, kind).model_dump(exclude_none=True) for kind in KINDS}
