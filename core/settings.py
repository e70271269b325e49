"""Settings of every process: `CASEMATE_*` variables, read once at start-up. docs/settings.md lists them."""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class FrameworkChoice(StrEnum):
    """Which framework hosts a new ticket's team."""

    SPEC = "spec"  # the one its team's YAML names
    AUTOGEN = "autogen"  # always AutoGen
    ADK = "adk"  # always Google ADK
    ALTERNATE = "alternate"  # one after the other, for comparison


class Webhook(BaseModel):
    """Where reports of one source go."""

    model_config = ConfigDict(extra="forbid")

    url: str
    #: Signs each delivery (Standard Webhooks: `whsec_` and base64).
    secret: SecretStr


class ApiKey(BaseModel):
    """One machine's key. Only its SHA-256 is kept."""

    model_config = ConfigDict(extra="forbid")

    key_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    roles: list[str]


class ModelEndpoint(BaseModel):
    """One endpoint that teams can think with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: Of an OpenAI-compatible API, or `playbook:` for the deterministic model inside the worker itself.
    url: str
    name: str
    api_key: SecretStr = SecretStr("unused")

    @property
    def is_playbook(self) -> bool:
        return self.url == PLAYBOOK_URL


#: Stands for the playbook model that a worker answers itself, without a server.
PLAYBOOK_URL = "playbook:"
PLAYBOOK = ModelEndpoint(url=PLAYBOOK_URL, name="playbook")


class Settings(BaseSettings):
    """All of casemate's settings; every process reads the same class and uses its part."""

    model_config = SettingsConfigDict(env_prefix="CASEMATE_", env_nested_delimiter="__", extra="ignore")

    #: Folder of everything casemate keeps: databases, master key, logs, reports.
    home: Path = Path(".casemate")
    #: SQLAlchemy URL of the store. Default: SQLite in `home`.
    database_url: str = ""
    #: Celery broker URL. Default: SQLite in `home`. Production: `redis://…`.
    broker_url: str = ""
    #: Where the master key that wraps comes from; `auto`: the first that is set of Transit, environment, file.
    master_key_source: Literal["auto", "file", "environment", "transit"] = "auto"
    #: File with the master key(s), newest first. Default: `home`/master.key, made at first start.
    master_key_file: Path | None = None
    #: The master key(s) themselves, newest first, as in the file.
    master_key: SecretStr | None = None
    #: Address of a HashiCorp Vault or OpenBao whose Transit engine wraps data keys.
    transit_url: str = ""
    #: Name of the key in the Transit engine; type aes256-gcm96.
    transit_key: str = "casemate"
    #: Where the Transit engine is mounted.
    transit_mount: str = "transit"
    #: Namespace of the engine (Vault Enterprise).
    transit_namespace: str = ""
    #: Token for it.
    transit_token: SecretStr | None = None
    #: File with the token, read again when the token is refused; goes before `transit_token`.
    transit_token_file: Path | None = None
    #: Certificates to check the server with. Default: those of Python's certifi.
    transit_ca_file: Path | None = None
    #: Seconds one request to it may wait for a connection, and for an answer.
    transit_timeout: Annotated[float, Field(gt=0)] = 5.0
    #: Days after which the originals of a finished ticket are destroyed; 0 keeps them for ever.
    retention_days: Annotated[int, Field(ge=0, le=36500)] = 365

    #: OpenAI-compatible endpoint that teams think with.
    model_url: str = "http://127.0.0.1:8621/v1"
    #: Model name sent to the endpoint.
    model_name: str = "playbook"
    #: Key for the endpoint.
    model_api_key: SecretStr = SecretStr("unused")
    #: Endpoints to go on with while the one above is down, in this order; the last is the word `playbook`.
    model_fallbacks: list[ModelEndpoint | Literal["playbook"]] = Field(default_factory=list)
    #: Seconds one model request may take.
    model_timeout: Annotated[float, Field(gt=0)] = 60.0
    #: Tokens one answer of a model may have; an assessment takes under a quarter of the default.
    model_answer_tokens: Annotated[int, Field(ge=256)] = 4096
    #: Seconds a ticket waits for a model that is down before it is escalated to a person.
    model_patience: Annotated[float, Field(ge=0)] = 600.0

    #: Folder of secret files that connectors and the network broker name. Default: `home`/secrets.
    secrets_dir: Path | None = None
    #: Unix socket of the network broker. Default: `home`/broker.sock.
    broker_socket: Path | None = None
    #: Folder with YARA rules of your own, beside those that ship.
    yara_rules: Path | None = None
    #: Folder with Sigma rules of your own, beside those that ship.
    sigma_rules: Path | None = None
    #: Folder with connectors of your own and `routes.yaml`, which says who carries out what. Default: all by the lab.
    connectors_dir: Path | None = None

    #: Folder that policy bundles come from. Default: the one that ships.
    policy_dir: Path | None = None
    #: What a changed folder needs to go live: `approve` (people agree) or `files` (its invariants hold).
    policy_activation: Literal["approve", "files"] = "approve"
    #: What reads prose for names: `embedded`, and larger models beside it, separated by commas (docs/masking.md).
    name_models: str = "embedded"
    #: Which framework hosts a new ticket's team.
    framework: FrameworkChoice = FrameworkChoice.SPEC
    #: Weakest sandbox tier that may run a tool.
    sandbox_tier: Literal["namespaces", "confined"] = "namespaces"
    #: Processes that wait, confined and ready, for one tool call each.
    sandbox_pool: Annotated[int, Field(ge=0, le=64)] = 4
    #: The bubblewrap program.
    bwrap: str = "bwrap"

    #: Address the gateway listens on.
    http_host: str = "127.0.0.1"
    #: Port the gateway listens on.
    http_port: Annotated[int, Field(ge=0, le=65535)] = 8620
    #: API keys: {name: {"key_sha256": …, "roles": […]}}.
    api_keys: dict[str, ApiKey] = Field(default_factory=dict)
    #: Addresses and networks of the proxies in front of it, separated by commas; only theirs is `X-Forwarded-For`.
    trusted_proxies: str = ""
    #: Where people reach the console, as `https://casemate.bank.example`. Default: the address it listens on.
    public_url: str = ""
    #: Hours after which a person signs in to the console again.
    session_hours: Annotated[float, Field(gt=0, le=168)] = 12.0
    #: Minutes without a request after which they do.
    session_idle_minutes: Annotated[float, Field(gt=0)] = 60.0
    #: Wrong passwords that one address may send, on whatever names, …
    sign_in_tries: Annotated[int, Field(ge=1)] = 30
    #: … in so many minutes.
    sign_in_minutes: Annotated[float, Field(gt=0, le=1440)] = 10.0

    #: The practice estate that acting tools change in demo and tests. Default: `home`/lab.db.
    lab_path: Path | None = None
    #: Folder that reports are dropped into when their source has no webhook. Default: `home`/reports.
    report_dir: Path | None = None
    #: Webhooks by source: {source: {"url": …, "secret": …}}.
    report_webhooks: dict[str, Webhook] = Field(default_factory=dict)

    #: Tickets one worker process has in flight at once.
    concurrency: Annotated[int, Field(ge=1, le=256)] = 8
    #: Seconds a worker's hold on a ticket lasts unless renewed; a crashed worker's tickets move after this.
    lease_seconds: Annotated[float, Field(gt=0)] = 30.0
    #: Seconds between two sweeps, which ring again for every ticket that nobody works on.
    sweep_seconds: Annotated[float, Field(gt=0)] = 15.0
    #: Times a ticket may break a worker before it goes to the dead letter.
    max_deliveries: Annotated[int, Field(ge=1)] = 3
    #: Log level.
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, proxies: str) -> str:
        for entry in filter(None, map(str.strip, proxies.split(","))):
            try:
                ip_network(entry, strict=False)
            except ValueError:
                raise ValueError(f"`{entry}` is no address and no network, such as 10.0.0.7 or 10.42.0.0/16") from None
        return proxies

    @field_validator("model_fallbacks")
    @classmethod
    def _ends_in_the_playbook(
        cls, fallbacks: list[ModelEndpoint | Literal["playbook"]]
    ) -> list[ModelEndpoint | Literal["playbook"]]:
        ends = [number for number, fallback in enumerate(fallbacks, 1) if fallback == "playbook"]
        if fallbacks and ends != [len(fallbacks)]:
            raise ValueError('the last fallback, and only the last, must be "playbook", which never goes down')
        return fallbacks

    @property
    def model_chain(self) -> tuple[ModelEndpoint, ...]:
        """The endpoints in the order in which they are tried."""
        first = ModelEndpoint(url=self.model_url, name=self.model_name, api_key=self.model_api_key)
        return (first, *(PLAYBOOK if fallback == "playbook" else fallback for fallback in self.model_fallbacks))

    @cached_property
    def folder(self) -> Path:
        """`home`, absolute, so that a process may change its directory."""
        return self.home.expanduser().absolute()

    @property
    def is_secure(self) -> bool:
        """True when people reach the console over HTTPS."""
        return self.public_url.lower().startswith("https:")

    @property
    def store_url(self) -> str:
        return self.database_url or f"sqlite:///{self.folder / 'casemate.db'}"

    @property
    def bell_url(self) -> str:
        return self.broker_url or f"sqla+sqlite:///{self.folder / 'broker.db'}"

    @property
    def embedded_broker(self) -> bool:
        """True when the broker is the SQLite one, which has no redelivery of its own."""
        return self.bell_url.startswith("sqla+")

    @property
    def key_file(self) -> Path:
        return self.master_key_file or self.folder / "master.key"

    @property
    def secrets_folder(self) -> Path:
        return self.secrets_dir or self.folder / "secrets"

    @property
    def broker_socket_file(self) -> Path:
        return self.broker_socket or self.folder / "broker.sock"

    @property
    def lab_file(self) -> Path:
        return self.lab_path or self.folder / "lab.db"

    @property
    def report_folder(self) -> Path:
        return self.report_dir or self.folder / "reports"
