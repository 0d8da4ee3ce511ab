"""Every setting: its name with its unit, its default, and what it means.

Each is an environment variable ANYWIRE_NAME and a flag --name (with dashes); a flag wins. A wrong value ends the start
with a sentence that names the setting.
"""

import ipaddress
import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, CliImplicitFlag, NoDecode, SettingsConfigDict

from negotiation.transports import TRANSPORTS

SAFE_KEY_CHARS = 16
"""A key of fewer can be guessed; who wants one for a try gets it, with a warning."""
_DATABASE = re.compile(r"/?|/\d+")
_ORIGIN = re.compile(r"https?://[^/\s]+|null")


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="ANYWIRE_",
        cli_prog_name="server.py",
        cli_kebab_case=True,
        cli_avoid_json=True,
        env_ignore_empty=True,
        extra="forbid",
        allow_inf_nan=False,
        frozen=True,
    )

    port: int = Field(8000, ge=0, le=65535, description="TCP port; 0 takes a free one and prints it.")
    address: str = Field("127.0.0.1", description="The address to listen on; 0.0.0.0 or :: for all.")
    data: Path = Field(Path("data"), description="The folder of the embedded MongoDB.")
    mongodb_uri: str | None = Field(None, description="A replica set of your own; unset: the embedded MongoDB.")
    mongo_driver: Literal["motor", "pymongo"] = Field("motor", description="The driver that talks to MongoDB.")
    workers: int = Field(1, ge=0, le=256, description="Processes that share the port; 0: one for each core.")
    worker_of: Path | None = Field(None, description="Set by the supervisor for its workers: where they find each other.")
    bus: str | None = Field(
        None, description="Between processes: unset the change stream, redis:// or rediss:// that Redis, `memory` for a single process."
    )
    transports: Annotated[tuple[str, ...], NoDecode] = Field(
        tuple(TRANSPORTS), description="The transports offered, comma-separated, in order of preference."
    )

    heartbeat_s: float = Field(15, ge=0.5, le=3600, description="A ping after so many seconds of silence on a wire.")
    hold_s: float = Field(25, ge=0, le=3600, description="How long a long-poll is held.")
    poll_s: float = Field(2, ge=0.1, le=3600, description="How often a short-poll client asks.")
    job_stalled_s: float = Field(30, ge=0.5, le=86_400, description="A job is shown as stalled after so many seconds without an update.")
    watch_disk: Path | None = Field(
        None, description="A folder whose disk must not fill up, such as that of a MongoDB on this machine; the embedded one's is watched."
    )
    drain_s: float = Field(5, ge=0, le=600, description="How long a stopping server takes to send its clients elsewhere.")

    publish_per_s: float = Field(20, ge=0, description="Messages a second and user, with a burst of ten times as many; 0: no limit.")
    connections: int = Field(0, ge=0, description="Open connections of a process; 0: as many as it has descriptors for.")
    connections_per_address: int = Field(0, ge=0, description="Open connections an address may have; 0: no limit.")
    catch_up_bytes_per_s: int = Field(
        8_388_608, ge=0, description="Catch-up a second and user, with a burst of ten times that; 0: no limit."
    )

    keep_messages: int = Field(10_000, ge=1, description="Messages kept in each channel, at least.")
    keep_days: float = Field(30, gt=0, description="Days that messages are kept, at most.")

    log_format: Literal["text", "json"] = Field("text", description="The form of the log: `text`, or `json` with an object a line.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="The least that the log tells.")

    api_key: str | None = Field(None, description="Lets a backend publish anywhere.")
    secret: str | None = Field(None, description="Signs the cookies; unset: made once and kept in the database.")
    origins: Annotated[tuple[str, ...], NoDecode] = Field((), description="Other origins whose pages may use this server, comma-separated.")
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        ("127.0.0.0/8", "::1/128"), description="Addresses whose X-Forwarded headers are believed, comma-separated; none: nobody's."
    )
    deflate: CliImplicitFlag[bool] = Field(False, description="Compress WebSocket messages (permessage-deflate) where the client can.")
    tls_cert: Path | None = Field(None, description="A certificate chain (PEM): the server speaks HTTPS itself.")
    tls_key: Path | None = Field(None, description="The certificate's private key (PEM).")
    follow_parent: CliImplicitFlag[bool] = Field(False, description="Stop when the process that started the server ends (make run).")

    def environment(self) -> dict[str, str]:
        """The variables that give another process the same settings."""
        values = self.model_dump(exclude_none=True) | {"trusted_proxies": self.trusted_proxies or ("none",)}
        lists = {name: ",".join(value) for name, value in values.items() if isinstance(value, tuple)}
        return {f"ANYWIRE_{name.upper()}": str(value) for name, value in {**values, **lists}.items()}

    @property
    def processes(self) -> int:
        """How many share the port."""
        return self.workers or (len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1)

    @property
    def short_keys(self) -> list[str]:
        """The settings whose keys can be guessed."""
        return [f"ANYWIRE_{name.upper()}" for name in ("api_key", "secret") if 0 < len(getattr(self, name) or "") < SAFE_KEY_CHARS]

    @field_validator("transports", "origins", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("transports")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in names if name not in TRANSPORTS]
        if unknown or not names or len(set(names)) < len(names):
            raise ValueError(f"each of {', '.join(TRANSPORTS)} at most once, and at least one")
        return names

    @field_validator("origins")
    @classmethod
    def _origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} is no origin such as https://example.org")
        return tuple(origin.lower() for origin in origins)

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        if networks == ("none",):
            return ()
        for network in networks:
            ipaddress.ip_network(network, strict=False)
        return networks

    @field_validator("bus")
    @classmethod
    def _bus(cls, bus: str | None, info: ValidationInfo) -> str | None:
        if bus == "memory" and (info.data.get("workers") != 1 or info.data.get("worker_of") is not None):
            raise ValueError("several workers have to hear of each other; memory is for a single process")
        if bus in (None, "memory"):
            return bus
        try:
            parts = urlsplit(bus)
            is_redis = parts.scheme in ("redis", "rediss") and bool(parts.hostname) and _DATABASE.fullmatch(parts.path) is not None
            parts.port  # noqa: B018 - raises ValueError
        except ValueError:
            is_redis = False
        if not is_redis:  # without saying what it is: there may be a password in it
            raise ValueError("unset (the change stream), memory, or a URL such as redis://host:6379")
        return bus


def load(arguments: list[str]) -> Settings:
    """Settings from the environment and *arguments*. Raises SystemExit, with a sentence for each wrong one."""
    try:
        return Settings(_cli_parse_args=arguments)
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            name = str(problem["loc"][0]) if problem["loc"] else ""
            lines.append(f"ANYWIRE_{name.upper()} (--{name.replace('_', '-')}): {problem['msg']}")
        raise SystemExit("Anywire can't start with these settings.\n" + "\n".join(lines)) from error
