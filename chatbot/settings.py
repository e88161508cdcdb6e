"""One validated settings object: defaults, then a TOML file, then environment variables.

Every problem is reported at once, before anything heavy loads; unknown keys fail with a hint.
"""

import difflib
import os
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

import platformdirs
from pydantic import BaseModel, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings.exceptions import SettingsError as SourceError

from chatbot.account_settings import AccountSettings
from chatbot.errors import SettingsError
from chatbot.handoff_settings import HandoffSettings
from chatbot.insights.settings import InsightSettings
from chatbot.tuning_settings import FinetuneSettings
from chatbot.web_settings import WebSettings
from knowledge_base.settings import KnowledgeBaseSettings

ENV_PREFIX = "FRONTDESK_"
CONFIG_FILE_VARIABLE = "FRONTDESK_CONFIG"
SHIPPED_ADAPTER = "support-en"
SHIPPED_PROJECTOR = "screens"
NO_PROJECTOR = "none"
GROUPS: dict[str, type[BaseModel]] = {
    "knowledge_base": KnowledgeBaseSettings,
    "handoff": HandoffSettings,
    "insights": InsightSettings,
    "web": WebSettings,
    "finetune": FinetuneSettings,
    "accounts": AccountSettings,
}
NOT_SETTINGS = frozenset({CONFIG_FILE_VARIABLE, "FRONTDESK_EVAL_DATA"})


def default_data_dir() -> Path:
    """The per-user folder for everything Frontdesk keeps."""
    return Path(platformdirs.user_data_dir("frontdesk", appauthor=False))


class Settings(BaseSettings):
    """Everything that can be set, each with its unit in its name."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        validate_default=True,
    )
    config_file: ClassVar[Path | None] = None

    data_dir: Path = Field(default_factory=default_data_dir)
    """Folder for the database, the index, attachments, adapters and, by default, models."""
    models_dir: Path | None = None
    """Folder for model files; `models` inside the data folder when unset."""
    database_url: SecretStr = SecretStr("")
    """Address of a Postgres database, `postgresql://user:password@host/name` (extra `postgres`); SQLite in the data
    folder when unset."""
    offline: bool = False
    """Never fetch anything; a missing model is an error that says so."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe log line that is printed."""

    host: str = "127.0.0.1"
    """Address the server listens on."""
    port: int = Field(7860, ge=1, le=65535)
    """Port the server listens on."""
    example_company: bool = True
    """Load the example company on first start when the knowledge base is empty."""
    company_name: str = "Wrenfield"
    """Name the assistant speaks for."""
    privacy_rules: Path | None = None
    """TOML file with the form of the company's order, ticket and serial numbers, words that are never masked and words
    that always are; the example company's when unset."""
    redact_screenshots: bool = True
    """Cover personal data on pictures with opaque boxes before they are stored or sent to a model."""
    retention_days: int = Field(0, ge=0, le=36_500)
    """Days after the last message in it when a conversation is erased with its attachments and tickets; 0: never."""

    engine: Literal["llama_cpp", "transformers", "openai"] = "llama_cpp"
    """Engine that runs the language model."""
    llm: str = "smollm2-135m-instruct"
    """Language model: catalogue name, local file or folder, hub id, or the remote model's name."""
    adapter: str = SHIPPED_ADAPTER
    """LoRA adapter until another is promoted: shipped name, registered id, folder, or `none`."""
    embedder: str = "all-minilm-l6-v2"
    """Text embedder: catalogue name, local folder or hub id (sentence-transformers format)."""
    whisper: str = "whisper-base"
    """Speech recogniser: catalogue name, local CTranslate2 folder or hub id."""
    vision_tower: str = "dinov2-small"
    """Vision encoder: catalogue name, local folder or hub id."""
    projector: str = SHIPPED_PROJECTOR
    """Projector through which the language model sees pictures: the shipped `screens`, a folder, or `none`."""
    openai_base_url: str = "http://127.0.0.1:8000/v1"
    """Address of the OpenAI-compatible server when `engine` is `openai`."""
    openai_api_key: SecretStr = SecretStr("")
    """Key for that server, if it wants one."""

    context_tokens: int = Field(2048, ge=512, le=1_048_576)
    """Context window of one conversation turn, prompt and answer together."""
    parallel_turns: int = Field(4, ge=1, le=256)
    """Answers generated at the same time, batched by the engine."""
    threads: int = Field(default_factory=lambda: os.cpu_count() or 2, ge=1, le=1024)
    """CPU threads of each model."""
    gpu_layers: int = Field(0, ge=0)
    """Layers llama.cpp puts on a GPU."""
    max_new_tokens: int = Field(200, ge=1, le=32_768)
    """Longest answer."""
    temperature: float = Field(0.0, ge=0.0, le=2.0)
    """Sampling temperature; 0 gives the same answer every time."""
    generation_timeout_s: float = Field(120.0, gt=0)
    """Longest time one answer may take."""

    max_message_chars: int = Field(8_000, ge=100)
    """Longest typed message, in characters; the rest is cut off and the customer told."""
    max_attachments: int = Field(6, ge=0, le=100)
    """Most attachments in one message."""
    max_attachment_bytes: int = Field(25_000_000, ge=1_000)
    """Largest attachment, in bytes."""
    max_image_pixels: int = Field(40_000_000, ge=10_000)
    """Largest image, in pixels, read from its header before decoding."""
    perception_timeout_s: float = Field(300.0, gt=0)
    """Seconds that one attachment is read or listened to at most; then the answer goes on without it."""
    max_audio_s: float = Field(300.0, gt=0)
    """Longest voice note, in seconds."""
    max_video_s: float = Field(120.0, gt=0)
    """Longest video, in seconds."""
    video_key_frames: int = Field(4, ge=1, le=32)
    """Frames read from a video."""
    max_history_turns: int = Field(6, ge=0, le=100)
    """Earlier questions and answers put into the prompt, newest first, as far as they fit."""
    speech_max_no_speech_prob: float = Field(0.6, ge=0, le=1)
    """A segment above this, with a low log probability too, is noise."""
    speech_min_avg_logprob: float = Field(-1.0, le=0)
    """A segment below this is a guess and is left out."""

    template_min_similarity: float = Field(0.92, ge=0, le=1)
    """Cosine similarity to a FAQ phrasing from which the reviewed answer is given word for word."""
    template_min_probability: float = Field(0.5, ge=0, le=1)
    """Probability, learnt from all phrasings, that a FAQ entry is what is asked for, from which its reviewed answer is
    given too; 1 leaves it to the similarity alone."""
    evidence_min_similarity: float = Field(0.45, ge=-1, le=1)
    """Cosine similarity of the best passage, or 0.1 less than that of the nearest FAQ phrasing, below which there is
    no evidence to answer from."""
    subject_min_similarity: float = Field(0.2, ge=-1, le=1)
    """The same, below which a question is none of the company's subjects and is refused without offering a person."""
    clarify_min_probability: float = Field(0.5, ge=0, le=1)
    """Probability that one of the three likeliest FAQ entries is asked for, from which the customer is asked which,
    where none is sure and the second is not far behind the first."""
    clarify_min_similarity: float = Field(0.38, ge=-1, le=1)
    """Evidence, measured as for `evidence_min_similarity`, from which the likeliest FAQ questions are offered instead
    of saying that nothing was found."""

    knowledge_base: KnowledgeBaseSettings = KnowledgeBaseSettings()
    """Cutting and searching of documents, each as `FRONTDESK_KNOWLEDGE_BASE__NAME`."""
    handoff: HandoffSettings = HandoffSettings()
    """When a person is brought in, each as `FRONTDESK_HANDOFF__NAME`; see docs/handoff.md."""
    insights: InsightSettings = InsightSettings()
    """What is looked for in past conversations, each as `FRONTDESK_INSIGHTS__NAME`; see docs/insights.md."""
    web: WebSettings = WebSettings()
    """The API and the sites that embed the widget, each as `FRONTDESK_WEB__NAME`."""
    finetune: FinetuneSettings = FinetuneSettings()
    """Examples and training, each as `FRONTDESK_FINETUNE__DATASET__NAME` or `FRONTDESK_FINETUNE__TRAIN__NAME`."""
    accounts: AccountSettings = AccountSettings()
    """Agents and administrators, each as `FRONTDESK_ACCOUNTS__NAME`."""

    @field_validator("max_new_tokens")
    @classmethod
    def _leaves_room(cls, max_new_tokens: int, info: ValidationInfo) -> int:
        if max_new_tokens >= info.data.get("context_tokens", max_new_tokens + 1):
            raise ValueError("must be below context_tokens, or no question fits beside the answer")
        return max_new_tokens

    @field_validator("database_url")
    @classmethod
    def _is_a_database(cls, database_url: SecretStr) -> SecretStr:
        text = database_url.get_secret_value()
        if text and urlsplit(text).scheme not in ("postgresql", "postgres"):
            raise ValueError("must begin with `postgresql://` (or be unset, for SQLite in the data folder)")
        return database_url

    @field_validator("adapter")
    @classmethod
    def _names_an_adapter(cls, adapter: str) -> str:
        if adapter in ("", "default"):
            raise ValueError("must name an adapter, a folder, or `none`")
        return adapter

    @property
    def adapters_path(self) -> Path:
        """Where registered adapters are kept."""
        return self.data_dir / "adapters"

    @property
    def attachments_path(self) -> Path:
        """Where the files of messages are kept."""
        return self.data_dir / "attachments"

    @property
    def models_path(self) -> Path:
        """Where model files are kept."""
        return self.models_dir or self.data_dir / "models"

    @property
    def mmproj_path(self) -> Path:
        """Where projectors are kept in llama.cpp's form, made on first use."""
        return self.data_dir / "mmproj"

    @property
    def database_path(self) -> Path:
        """The SQLite file, where no other database is set."""
        return self.data_dir / "frontdesk.db"

    @property
    def database_address(self) -> str:
        """The database for `database.Database`, with its password."""
        return self.database_url.get_secret_value() or f"sqlite:///{self.database_path}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments win over the environment, which wins over the TOML file."""
        toml = TomlConfigSettingsSource(settings_cls, cls.config_file) if cls.config_file else None
        return (init_settings, env_settings, *((toml,) if toml else ()))


def load_settings(**overrides: Any) -> Settings:
    """Reads and checks all settings.

    The TOML file is the one named by FRONTDESK_CONFIG, else `frontdesk.toml` in the working folder.

    Raises:
        SettingsError: Unknown or invalid settings, all listed.
    """
    config_file = _config_file()
    problems = _unknown_environment(os.environ)
    configured = type("ConfiguredSettings", (Settings,), {"config_file": config_file})
    try:
        settings: Settings = configured(**overrides)
    except ValidationError as error:
        problems += [_explain(e["loc"], e["msg"], e["type"]) for e in error.errors()]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problems.append(f"{config_file} is not valid TOML: {error}")
    except SourceError as error:
        problems.append(f"{error}; set its parts one by one, as `FRONTDESK_KNOWLEDGE_BASE__TOP_K`")
    if problems:
        raise SettingsError("Settings are not usable:\n- " + "\n- ".join(problems))
    return settings


def _config_file() -> Path | None:
    named = os.environ.get(CONFIG_FILE_VARIABLE)
    path = Path(named) if named else Path("frontdesk.toml")
    if named and not path.is_file():
        raise SettingsError(f"{CONFIG_FILE_VARIABLE} names {path}, which is not a file.")
    return path if path.is_file() else None


def _unknown_environment(environment: Iterable[str]) -> list[str]:
    problems = []
    for variable in environment:
        if not variable.startswith(ENV_PREFIX) or variable in NOT_SETTINGS:
            continue
        name, _, rest = variable.removeprefix(ENV_PREFIX).lower().partition("__")
        if name not in Settings.model_fields:
            problems.append(_explain((name,), "", "extra_forbidden"))
        elif rest and name not in GROUPS:
            problems.append(f"{variable}: {name} has no parts; remove `__{rest.upper()}`")
    return problems


def part_of(group: type[BaseModel], name: str) -> type[BaseModel] | None:
    """The group of settings of this name inside of a group; None when it is a setting, or there is none."""
    field = group.model_fields.get(name)
    kind = field.annotation if field else None
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _explain(location: tuple[int | str, ...], message: str, kind: str) -> str:
    name = ".".join(str(part) for part in location)
    if kind != "extra_forbidden":
        return f"{name}: {message}"
    group: type[BaseModel] = Settings
    for part in location[:-1]:
        group = part_of(group, str(part)) or group
    close = difflib.get_close_matches(str(location[-1]), group.model_fields, n=1)
    hint = f"; did you mean `{close[0]}`?" if close else "; see `frontdesk settings`"
    return f"{name}: there is no such setting{hint}"
