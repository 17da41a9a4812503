"""Settings of the embedded cluster."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shortlist.settings import ServiceSettings


class LocalSettings(ServiceSettings):
    """Settings read from `SHORTLIST_LOCAL_<FIELD>`."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(env_prefix="SHORTLIST_LOCAL_", frozen=True)

    cache_dir: Path = Field(
        default=Path.home() / ".cache" / "shortlist", description="Where the local Triton is kept (150 MB)."
    )
