"""Settings of the API and of the sites that embed the widget; `chatbot.settings` nests them under `web`."""

from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from chatbot.quota_settings import DailySettings
from chatbot.widget_settings import WidgetSettings

_CONFIG = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, validate_default=True)
DEFAULT_SITE = "default"
_SECRET_CHARS = 32


class SiteSettings(BaseModel):
    """One help-desk site that may embed the widget."""

    model_config = _CONFIG

    origins: tuple[str, ...] = ()
    """Origins of its pages, such as `https://help.example.com`, exactly as browsers send them."""

    customer_secrets: dict[str, SecretStr] = Field(default_factory=dict)
    """Secrets by key id, of at least 32 characters, with which the help desk signs who its customers are (HS256)."""
    customer_public_keys: dict[str, str] = Field(default_factory=dict)
    """Public keys by key id, as PEM text, for the same with RS256."""
    widget: WidgetSettings = WidgetSettings()
    """What the widget shows; see docs/widget.md."""

    @field_validator("customer_secrets")
    @classmethod
    def _are_long(cls, customer_secrets: dict[str, SecretStr]) -> dict[str, SecretStr]:
        short = [
            kid for kid, secret in customer_secrets.items() if len(secret.get_secret_value()) < _SECRET_CHARS
        ]
        if short:
            raise ValueError(f"the secret {short[0]!r} has fewer than {_SECRET_CHARS} characters")
        return customer_secrets

    @field_validator("customer_public_keys")
    @classmethod
    def _are_public(cls, customer_public_keys: dict[str, str]) -> dict[str, str]:
        wrong = [kid for kid, key in customer_public_keys.items() if "BEGIN PUBLIC KEY" not in key]
        if wrong:
            raise ValueError(f"the key {wrong[0]!r} is not a PEM text that begins with BEGIN PUBLIC KEY")
        return customer_public_keys

    @field_validator("origins")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_origin(origin) for origin in origins)


class WebSettings(BaseModel):
    """Who may use the API, and how much of it."""

    model_config = _CONFIG

    public_url: str = ""
    """Address under which browsers reach this server, such as `https://chat.example.com`; needed to listen on more
    than this machine."""
    sites: dict[str, SiteSettings] = Field(default_factory=lambda: {DEFAULT_SITE: SiteSettings()})
    """Sites by id, each with its allowed `origins`; see docs/api.md."""
    trusted_proxies: int = Field(0, ge=0, le=10)
    """Reverse proxies in front of the server, whose `X-Forwarded-For` is believed."""
    token_s: float = Field(3600.0, ge=60, le=86_400)
    """Life of a visitor's token, in seconds; it is renewed silently while it is used."""
    resume_s: float = Field(2_592_000.0, ge=60)
    """Time in which a visitor can come back to earlier conversations, in seconds."""
    turn_workers: int = Field(4, ge=1, le=64)
    """Answers that the language model composes at the same time; the others wait in line. Reviewed answers do not."""
    turn_lease_s: float = Field(20.0, ge=1, le=3600)
    """Seconds without a sign of life after which the unanswered messages of a process are taken over by another."""
    otlp_url: str = ""
    """Collector for OpenTelemetry traces over gRPC, such as `http://127.0.0.1:4317` (extra `telemetry`); none when
    unset."""
    event_retention_days: int = Field(30, ge=1, le=36_500)
    """Days after which the events of answered messages are removed; the conversation itself stays."""
    max_waiting_turns: int = Field(200, ge=1, le=100_000)
    """Longest line; then the server says that it is busy."""
    max_waiting_per_conversation: int = Field(3, ge=1, le=100)
    """Unanswered messages that one conversation may have."""
    max_upload_bytes: int = Field(60_000_000, ge=10_000)
    """Largest request with files, in bytes."""
    body_timeout_s: float = Field(120.0, gt=0)
    """Longest time a request may take to arrive."""
    max_streams: int = Field(8, ge=1, le=1000)
    """Open event streams of one conversation."""
    conversations_per_hour: int = Field(60, ge=1)
    """Conversations that one address may start."""
    messages_per_minute: int = Field(20, ge=1)
    """Messages that one visitor may send; one address may send four times as many."""
    key_messages_per_minute: int = Field(120, ge=1)
    """Completions and transcriptions that one API key may ask for."""
    requests_per_minute: int = Field(300, ge=1)
    """Requests that one visitor may make; one address may make four times as many."""
    daily: DailySettings = DailySettings()
    """What a `visitor`, `customer`, `address`, `site` and `key` may use in a day of UTC: `messages`, `uploads`,
    `audio_s` and `tokens`; see docs/api.md."""
    proof_of_work_bits: int = Field(0, ge=0, le=28)
    """Zero bits of the proof of work that an anonymous visitor's browser does before a conversation; 0: none."""

    @model_validator(mode="after")
    def _has_each_key_once(self) -> "WebSettings":
        for name, site in self.sites.items():
            if both := set(site.customer_secrets) & set(site.customer_public_keys):
                raise ValueError(f"site {name!r} has two keys with the id {min(both)!r}")
        return self

    @field_validator("public_url")
    @classmethod
    def _is_an_origin(cls, public_url: str) -> str:
        return _origin(public_url) if public_url else ""

    @field_validator("sites", mode="before")
    @classmethod
    def _keeps_the_default(cls, sites: Any) -> Any:
        return {DEFAULT_SITE: {}, **sites} if isinstance(sites, dict) else sites


def _origin(text: str) -> str:
    """Scheme, host and port in lower case, without a default port: as browsers write an origin."""
    parts = urlsplit(text.strip().lower())
    has_more = parts.path.strip("/") or parts.query or parts.fragment or parts.username
    if parts.scheme not in ("http", "https") or not parts.hostname or has_more or "*" in text:
        raise ValueError(f"`{text}` is not an origin; write it like `https://help.example.com`")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    default = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port not in (None, default) else "")
