"""Settings of the online store, for everybody who reads or writes it."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shortlist.settings import ServiceSettings


class FeatureSettings(ServiceSettings):
    """Settings read from `SHORTLIST_FEATURES_<FIELD>`."""

    model_config = SettingsConfigDict(env_prefix="SHORTLIST_FEATURES_", frozen=True)

    redis_url: str = Field(
        "redis://127.0.0.1:6379/0", repr=False, description="The online store: Redis or Valkey; a user may stand in it."
    )
    redis_password_file: Path | None = Field(None, description="File with the password of that user.")
    timeout_s: float = Field(0.1, gt=0, le=10, description="Longest wait for user rows, in seconds.")
    near_cache_bytes: int = Field(
        64 * 1024 * 1024, ge=0, description="User rows that the process holds, in bytes; 0: it asks for every row."
    )
    max_stale_s: float = Field(
        60.0,
        ge=0,
        le=86_400,
        description="How long held rows are used while Redis does not answer, in seconds; the answers say that they "
        "are stale.",
    )
    events_timeout_s: float = Field(
        0.5,
        gt=0,
        le=10,
        description="Longest wait for events to be recorded, in seconds; a caller who is told that they were not may "
        "send them again.",
    )
    stream_length: int = Field(
        4096,
        ge=1,
        le=10_000_000,
        description="Events that each of the 256 streams keeps, about; the oldest leave. A million take some 150 MB.",
    )
    metrics_address: str = Field(
        "127.0.0.1:9464", description="Where Prometheus scrapes the consumers of events, host:port."
    )
    keep_s: float = Field(
        30 * 86_400.0,
        ge=60,
        description="How long applied events stay in the streams, in seconds, unless the length drops them before.",
    )
    counted_items: int = Field(
        1024,
        ge=16,
        le=100_000,
        description="Items that each of the 256 shards counts, of its own users' events; twice as many pairs of items. "
        "Where all are full they take 72 MB.",
    )
    merge_s: float = Field(
        5.0, ge=0.1, le=3600, description="Between two publications of trending items and co-visits, in seconds."
    )

    catalogue_items: int = Field(
        100_000,
        ge=1,
        le=10_000_000,
        description="Items that the live catalogue holds, those taken off included; more are refused.",
    )

    @property
    def redis_password(self) -> str | None:
        """Read the password; None where no file is named. StartError where the file cannot be read."""
        return self.secret("redis_password_file")
