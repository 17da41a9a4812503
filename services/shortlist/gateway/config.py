"""Settings of the gateway, from SHORTLIST_GATEWAY_*, and of what it composes."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shortlist.settings import ServiceSettings


class GatewaySettings(ServiceSettings):
    """The service: where it listens, what it serves, how much it takes."""

    model_config = SettingsConfigDict(env_prefix="SHORTLIST_GATEWAY_", frozen=True)

    release: Path = Field(description="Directory of the release that is served.")
    address: str = Field("127.0.0.1:50051", description="Where to listen, host:port; port 0 takes a free one.")
    metrics_address: str = Field("127.0.0.1:9464", description="Where Prometheus scrapes, host:port.")
    front: Literal["auto", "grpcio", "native"] = Field(
        "auto", description="Front door; auto takes native where it is installed."
    )
    workers: int = Field(
        1,
        ge=1,
        le=64,
        description="Processes that share the port, under a supervisor where there are several. Each has a metrics "
        "port of its own, from that of the metrics address upwards.",
    )
    batch_workers: int = Field(
        0,
        ge=0,
        le=64,
        description="Batches in flight, each on a thread of its own; 0: three with Triton, since others work while one "
        "waits for it; with the ranker in this process two, or one where several processes share the port.",
    )
    max_batch: int = Field(32, ge=1, le=64, description="Most requests in a batch.")
    max_waiting: int = Field(
        1024,
        ge=512,
        le=100_000,
        description="Most requests that wait; more are refused. A low-priority batch of 256 needs 512.",
    )
    deadline_s: float = Field(0.5, gt=0, le=60, description="Deadline of a call that brings none, in seconds.")
    max_message_bytes: int = Field(4 * 1024 * 1024, ge=1024, description="Largest request, in bytes.")
    start_wait_s: float = Field(
        20.0,
        ge=0,
        le=600,
        description="How long a start waits for what it depends on (Redis, Triton, the retrieval service) before it "
        "serves without, in seconds.",
    )
    retrieval_address: str = Field(
        "", description="The retrieval service, host:port or dns:///host:port; empty: this process searches the index."
    )
    retrieval_timeout_s: float = Field(
        0.1, gt=0, le=10, description="Longest wait for the retrieval service, in seconds."
    )
    new_items: int = Field(
        10_000,
        ge=0,
        le=100_000,
        description="Items that came after the release and can be recommended all the same; more are refused.",
    )
    rules: str = Field(
        "", description="File with rules for slates, TOML, read again when it changes; empty: there are none."
    )
    slow_s: float = Field(
        0.25, ge=0, le=60, description="Calls that take longer are logged with their stages, in seconds; 0: none are."
    )
    trace_endpoint: str = Field(
        "",
        pattern=r"^((https?://)?[^\s/]+:[0-9]+)?$",
        description="Where traces go, OTLP over gRPC: host:port or https://host:port; empty: nothing is traced.",
    )
    trace_share: float = Field(
        0.01,
        ge=0,
        le=1,
        description="Share of the calls that are traced, of those whose caller has not decided by a traceparent.",
    )
    drain_s: float = Field(5.0, ge=0, le=300, description="How long SIGTERM waits for calls in flight, in seconds.")


class RankingSettings(ServiceSettings):
    """Scores."""

    model_config = SettingsConfigDict(env_prefix="SHORTLIST_RANKING_", frozen=True)

    backend: Literal["triton", "onnxruntime"] = Field("triton", description="Where the ranker runs.")
    triton_address: str = Field("127.0.0.1:8001", description="Triton's gRPC address, host:port.")
    triton_secret_file: Path | None = Field(
        None, description="File with the secret of Triton's repository API; none: no secret is asked."
    )
    triton_backend: Literal["python", "onnxruntime", "tensorrt"] = Field(
        "python",
        description="Triton backend: python (wheel, slim image), onnxruntime (NVIDIA's image) or tensorrt (a GPU).",
    )
    timeout_s: float = Field(0.25, gt=0, le=10, description="Longest wait for scores, in seconds.")
    instances: int = Field(1, ge=1, le=64, description="Copies of the ranker on Triton.")
    threads: int = Field(1, ge=1, le=64, description="Threads of each copy.")

    @property
    def triton_secret(self) -> str | None:
        """Read the secret; None where no file is named. StartError where the file cannot be read."""
        return self.secret("triton_secret_file")
