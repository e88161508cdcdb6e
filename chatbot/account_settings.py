"""Settings of the accounts of the company's people; `chatbot.settings` nests them under `accounts`."""

from pydantic import BaseModel, ConfigDict, Field


class AccountSettings(BaseModel):
    """Passwords, sessions, and signing in with the company's own identity provider."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, validate_default=True
    )

    min_password_chars: int = Field(12, ge=8, le=128)
    """Shortest password of an account, in characters."""
    session_idle_s: float = Field(3600.0, ge=60, le=604_800)
    """Time without a request after which a session ends, in seconds."""
    session_s: float = Field(43_200.0, ge=60, le=2_592_000)
    """Longest life of a session, in seconds."""
