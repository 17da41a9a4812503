"""Settings of retrieval, from SHORTLIST_RETRIEVAL_*: of the service, and of the index wherever it is searched."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shortlist.settings import ServiceSettings


class RetrievalSettings(ServiceSettings):
    """Candidates; a gateway that searches in its own process reads only the device."""

    model_config = SettingsConfigDict(env_prefix="SHORTLIST_RETRIEVAL_", frozen=True)

    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="Where the index is searched.")
    release: Path | None = Field(
        None, description="Directory of the release whose index the retrieval service searches; it needs one."
    )
    address: str = Field("127.0.0.1:50061", description="Where the retrieval service listens, host:port.")
    metrics_address: str = Field(
        "127.0.0.1:9464", description="Where Prometheus scrapes the retrieval service, host:port."
    )
    front: Literal["auto", "grpcio", "native"] = Field(
        "auto", description="Front door of the retrieval service; auto takes native where it is installed."
    )
    workers: int = Field(2, ge=1, le=64, description="Searches in flight in the retrieval service.")
    max_batch: int = Field(16, ge=1, le=256, description="Most calls of gateways that share a search.")
    max_waiting: int = Field(256, ge=1, le=10_000, description="Most calls that wait for a search; more are refused.")
    drain_s: float = Field(
        5.0,
        ge=0,
        le=300,
        description="How long SIGTERM waits for searches in flight in the retrieval service, in seconds.",
    )
