"""Settings of the accounts of the company's people; `chatbot.settings` nests them under `accounts`."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator


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
    oidc_issuer: str = ""
    """Issuer of an OpenID Connect provider that may say who somebody is, such as `https://id.example.com`."""
    oidc_client_id: str = ""
    """Id under which the provider knows Frontdesk; its redirect address is `/login/callback` below `web.public_url`."""
    oidc_client_secret: SecretStr = SecretStr("")
    """Secret that belongs to the id; without one, PKCE alone protects the exchange."""
    oidc_claim: str = "email"
    """Claim that names the account at the first sign-in; `email` only counts when the provider has verified it."""
    oidc_name: str = "single sign-on"
    """What the button for it says."""

    @model_validator(mode="after")
    def _is_whole(self) -> "AccountSettings":
        if bool(self.oidc_issuer) != bool(self.oidc_client_id):
            raise ValueError("oidc_issuer and oidc_client_id belong together")
        is_here = self.oidc_issuer.startswith(("http://127.0.0.1", "http://localhost"))
        if self.oidc_issuer and not self.oidc_issuer.startswith("https://") and not is_here:
            raise ValueError("oidc_issuer must begin with https://")
        return self
