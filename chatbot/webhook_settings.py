"""Settings of webhooks to outside help desks; `chatbot.handoff_settings` nests them under `handoff.webhooks`."""

from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

_CONFIG = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, validate_default=True)
_SECRET_CHARS = 32
WebhookForm = Literal["json", "zendesk", "freshdesk", "chatwoot"]
WebhookEvent = Literal[
    "person_requested", "person_joined", "message", "person_left", "ticket_closed", "insight.surge"
]


class WebhookSettings(BaseModel):
    """One receiver that is told of tickets, and of surges of negative messages."""

    model_config = _CONFIG

    url: str
    """Address that is posted to; https, unless private addresses are allowed."""
    secret: SecretStr
    """Of at least 32 characters; signs every delivery."""
    form: WebhookForm = "json"
    """Shape of the body: our own, or what Zendesk, Freshdesk or Chatwoot takes to open a ticket."""
    events: tuple[WebhookEvent, ...] = ("person_requested",)
    """What it is told of; help desks only ever get `person_requested`."""
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    """Headers that the receiver wants, such as `Authorization`."""
    fields: dict[str, Any] = Field(default_factory=dict)
    """Fields that are added to the body, such as Chatwoot's `inbox_id` and `contact_id`."""
    redact: bool = True
    """Mask personal data and leave out the e-mail address that the customer left."""
    allow_private: bool = False
    """Allow addresses of private networks and of this machine, and http."""
    timeout_s: float = Field(10.0, gt=0, le=60)
    """Longest time one delivery may take, in seconds."""
    max_attempts: int = Field(12, ge=1, le=100)
    """Deliveries that are tried, at growing distances up to an hour; then it is given up."""

    @field_validator("secret")
    @classmethod
    def _is_long(cls, secret: SecretStr) -> SecretStr:
        if len(secret.get_secret_value()) < _SECRET_CHARS:
            raise ValueError(f"has fewer than {_SECRET_CHARS} characters")
        return secret

    @model_validator(mode="after")
    def _has_an_address(self) -> "WebhookSettings":
        parts = urlsplit(self.url)
        schemes = ("https", "http") if self.allow_private else ("https",)
        if parts.scheme not in schemes or not parts.hostname or parts.username or parts.password:
            raise ValueError(
                f"`{self.url}` is not an address like `https://desk.example.com/hooks/frontdesk`"
            )
        if self.form != "json" and self.events != ("person_requested",):
            raise ValueError(f"`{self.form}` opens tickets: leave `events` out")
        return self
