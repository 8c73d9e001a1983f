"""Settings, read once from the environment. README.md lists them for operators."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

VERSION = "0.1.0"


class Settings(BaseSettings):
    """Every knob of the platform. Names are the environment variables in lower case."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    workers: int = Field(1, ge=1)
    """Server processes; each has its own connections."""
    log_level: str = "info"
    data_dir: Path = Path("data")
    """Where the embedded database keeps its files; unused when DATABASE_URL is set."""

    database_url: str | None = None
    """Any usual spelling, also that of a transaction pooler. None: the embedded database."""
    database_direct_url: str | None = None
    """The same without the pooler, for migrations and notifications. None: database_url."""
    db_pool_size: int = Field(10, ge=2)
    """Connections for writes and entity reads, per process. Verification holds two at a time."""
    page_pool_size: int = Field(4, ge=1)
    """Connections for feed pages, per process. A page holds one for about a millisecond."""
    page_queue_size: int = Field(512, ge=1)
    """Different pages that may wait for a connection; a reader of one more gets 503 at once.
    Readers of the same page wait as one."""
    page_queue_seconds: float = Field(2.0, gt=0)
    """How long a page may wait for a connection before its readers get 503."""

    background_tasks: bool = True
    """Whether this server also does what is left to do for the feed: items that have to follow a
    new name, and verification. Of several servers on one database, one is enough."""
    verify_every: float | None = Field(None, gt=0)
    """Seconds between two verifications of the whole feed; None: only `script/verify` does it."""

    live: bool = True
    """Whether this server offers the live feed (docs/live-feed.md) and numbers its changes. Of the
    servers on one database, all or none should: one that does makes the numbers for all."""
    live_ring_bytes: int = Field(16 * 1024 * 1024, ge=1)
    """What each process keeps of the newest changes for its clients, ready to be sent."""
    live_keep_changes: int = Field(1_000_000, ge=1)
    """How many changes the database keeps for clients that come back; about 250 bytes each."""
    live_keep_hours: float = Field(168, gt=0)
    """How long it keeps them."""

    public_url: str | None = None
    """Where browsers see the server, for absolute links in /feed.atom and /feed.json. None: as the
    request names it."""

    cors_origins: Annotated[list[str], NoDecode] = ["http://localhost:3000"]
    """Origins of browsers that may call the API, comma-separated."""

    admin_api_key: SecretStr | None = None
    """A key that may act for any owner, sent as X-API-Key. None: nobody may."""

    testing: bool | None = None
    """Switches the rate limits per IP address off. Unset: they are on, unless the server runs on
    its embedded database, which is how one tries the platform out."""
    test_mode: bool = Field(
        False, validation_alias=AliasChoices("DSF_TEST_MODE_ENABLED", "test_mode")
    )
    """Opens the test-approve endpoints."""
    dedup_window_override_seconds: int | None = Field(None, ge=0)
    """Overrides every window in which a repeated write is refused; 0 switches them off."""

    def on_database(self, url: str, *, embedded: bool = False) -> "Settings":
        """These settings with the database decided."""
        testing = embedded if self.testing is None else self.testing
        return self.model_copy(update={"database_url": url, "testing": testing})

    def dedup_window(self, seconds: int) -> int:
        """How long a repeated write is refused: so many seconds, or what overrides them all."""
        override = self.dedup_window_override_seconds
        return seconds if override is None else override

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return (
            [v.strip() for v in value.split(",") if v.strip()] if isinstance(value, str) else value
        )

    @field_validator("log_level")
    @classmethod
    def _lower(cls, value: str) -> str:
        return value.lower()
