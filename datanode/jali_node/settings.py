"""What an owner can set: environment over the folder's `node.toml` over defaults.

Every variable is `JALI_NODE_` and the field's name in capitals. Secrets may also be given as a file:
`JALI_NODE_DATABASE_URL_FILE=/run/secrets/url`.
"""

import json
import os
import ssl
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from jali_node import documents
from jali_node.errors import InvalidRequest
from jali_node.providers import ProviderSettings
from jali_node.receivers import NoticeSettings
from jali_node.retention import RetentionSettings

PREFIX = "JALI_NODE_"
FILE_NAME = "node.toml"
SECRETS = ("database_url", "notices", "oidc", "sources")
STRUCTURED = ("notices", "oidc", "sources")
"""What is JSON in the environment and in a secret's file."""


class Settings(BaseSettings):
    """A node's settings. `folder` holds its key, its database (unless set otherwise) and its snapshots."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, hide_input_in_errors=True)

    folder: Path
    name: str = Field(default="data node", min_length=1, max_length=200)
    database_url: SecretStr | None = Field(default=None, description="SQLAlchemy URL; SQLite in the folder if unset")
    requests_per_s: float = Field(default=50.0, ge=0.1, le=100_000, description="of one person, in the long run")
    requests_at_once: int = Field(default=500, ge=1, le=100_000, description="of one person, beyond that 429")
    database_wait_s: float = Field(default=10.0, ge=0.1, le=60, description="for a lock of the node's own database")
    checkpoint_file: Path | None = Field(
        default=None, description="where the newest checkpoint is kept; better on another disk than the database"
    )
    host: str = "127.0.0.1"
    port: int = Field(default=8400, ge=0, le=65535)
    tls_certificate: Path | None = Field(default=None, description="PEM, with its chain; https if set")
    tls_key: Path | None = Field(default=None, description="the certificate's private key, PEM")
    body_limit_bytes: int = Field(default=1_048_576, ge=1024)
    model_limit_bytes: int = Field(default=36_000_000, ge=1024, description="of a request that may carry a model")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_form: Literal["text", "json"] = Field(default="text", description="json: one object a line, for a collector")
    memory_limit: str = Field(default="2GB", pattern=r"^[0-9]+(MB|GB)$", description="for the embedded engine")
    threads: int = Field(default=2, ge=1, le=256, description="for the embedded engine")
    sources: dict[str, SecretStr] = Field(
        default_factory=dict, description="SQLAlchemy URLs of the owner's databases, by name; JSON in the environment"
    )
    spark_master: str = Field(default="local[2]", description="where Spark runs, for tables that outgrow one machine")
    passwords: bool = Field(default=True, description="whether people may sign in by password")
    oidc: dict[str, ProviderSettings] = Field(
        default_factory=dict, description="providers that people may sign in with, by name; JSON in the environment"
    )
    session_idle_hours: int = Field(default=24, ge=1, le=720, description="a session ends when unused for these")
    session_days: int = Field(default=14, ge=1, le=90, description="a session ends after these, whatever its use")
    trusted_proxies: tuple[str, ...] = Field(
        default=("127.0.0.1", "::1"), description="whose X-Forwarded-For is believed: the portal's, a proxy's address"
    )
    timed_release: bool = Field(default=True, description="answers leave at times that rows do not decide")
    request_answer_days: int = Field(default=5, ge=1, le=365, description="within which owners mean to decide requests")
    airlock_days: int = Field(default=30, ge=1, le=3650, description="after which an undecided output is destroyed")
    request_expire_days: int = Field(default=60, ge=1, le=3650, description="after which an undecided request lapses")
    job_start_days: int = Field(default=30, ge=1, le=365, description="after which an approved job that waits is ended")
    event_stream_s: float = Field(default=300.0, ge=0, le=3600, description="then whoever follows connects again")
    job_pause_days: int = Field(default=14, ge=1, le=365, description="after which a job that stays paused is ended")
    sandbox_tier_min: int = Field(
        default=2,
        ge=2,
        le=5,
        description="of the sandbox that a training runs in: 3 without network, 4 without files, 5 without their names",
    )
    retention: RetentionSettings = Field(default=RetentionSettings(), description="what is kept how long")
    notices: NoticeSettings = Field(default=NoticeSettings(), description="webhooks and mail; JSON in the environment")

    @property
    def url(self) -> str:
        """The database's URL."""
        if self.database_url is None:
            return f"sqlite:///{self.folder / 'node.db'}"
        return self.database_url.get_secret_value()

    def certificate(self) -> tuple[Path, Path] | None:
        """Return the certificate and its key, tried once; None where none is set.

        Raises:
            InvalidRequest: a file is missing, cannot be read, or the key is not the certificate's.
        """
        given = {"tls_certificate": self.tls_certificate, "tls_key": self.tls_key}
        missing = [name for name, path in given.items() if path is None]
        if self.tls_certificate is None or self.tls_key is None:
            if len(missing) == 1:
                raise InvalidRequest("expected both tls_certificate and tls_key, or neither", field=missing[0])
            return None
        for name, path in given.items():
            if path is not None and not path.is_file():
                raise InvalidRequest(f"there is no file {path}", field=name)
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(self.tls_certificate, self.tls_key)
        except OSError as error:  # ssl.SSLError is one
            said = f"{self.tls_certificate} and {self.tls_key} are no certificate in PEM and its unencrypted key"
            raise InvalidRequest(said, field="tls_certificate") from error
        return self.tls_certificate, self.tls_key

    @property
    def idle(self) -> timedelta:
        """How long a session may go unused."""
        return timedelta(hours=self.session_idle_hours)

    @property
    def checkpoint_path(self) -> Path:
        """Where the newest checkpoint is kept, outside the database."""
        return self.folder / (self.checkpoint_file or "checkpoint.json")

    @property
    def key_path(self) -> Path:
        """Where the node's private key lies."""
        return self.folder / "node.key"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put secrets from files between the environment and the folder's TOML."""
        folder = init_settings().get("folder")
        toml = TomlConfigSettingsSource(settings_cls, toml_file=Path(folder) / FILE_NAME if folder else None)
        return init_settings, env_settings, _SecretFiles(settings_cls), toml


def settings_of(folder: Path, **given: Any) -> Settings:
    """Return the settings of a node's folder; what is given wins over the environment and the file.

    Raises:
        InvalidRequest: the file, a secret's file or a variable of the environment cannot be read, or a field is wrong.
    """
    file = folder.resolve() / FILE_NAME
    if file.exists() or file.is_symlink():
        documents.toml(file, "settings", may_be_empty=True)
    try:
        return Settings(folder=folder.resolve(), **given)
    except ValidationError as error:
        field, said = documents.complaint(error)
        variable = f"{PREFIX}{field.split('.')[0].upper()}"
        raise InvalidRequest(f"{said}; it is set in {file} or as {variable}", field=field) from error
    except SettingsError as error:  # it names the field: a variable of the environment is not JSON
        raise InvalidRequest(f"{error}; expected JSON", field="environment") from None


class _SecretFiles(PydanticBaseSettingsSource):
    """Reads `JALI_NODE_X_FILE` for each secret X."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        """Return the content of the file that the environment names."""
        variable = f"{PREFIX}{field_name.upper()}_FILE"
        path = os.environ.get(variable)
        text = documents.text(Path(path), variable).strip() if path else None
        try:
            return (json.loads(text) if text and field_name in STRUCTURED else text), field_name, False
        except json.JSONDecodeError as error:
            said = f"{path}, line {error.lineno}: this is not JSON ({error.msg})"
            raise InvalidRequest(said, field=variable) from None

    def __call__(self) -> dict[str, Any]:
        """Return the secrets found."""
        found = {name: self.get_field_value(None, name)[0] for name in SECRETS}
        return {name: value for name, value in found.items() if value is not None}
