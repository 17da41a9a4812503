"""README's table of settings, rendered from the settings themselves."""

from collections.abc import Sequence

from pydantic_core import PydanticUndefined

from shortlist.features.config import FeatureSettings
from shortlist.gateway.config import GatewaySettings, RankingSettings
from shortlist.local.config import LocalSettings
from shortlist.offline.datasets.fetch import OfflineSettings
from shortlist.retrieval.config import RetrievalSettings
from shortlist.settings import ServiceSettings

ALL: Sequence[type[ServiceSettings]] = (
    GatewaySettings,
    FeatureSettings,
    RetrievalSettings,
    RankingSettings,
    LocalSettings,
    OfflineSettings,
)


def settings_table() -> str:
    """Render every setting as a line: name, default, what it means."""
    lines = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for settings in ALL:
        prefix = settings.model_config["env_prefix"]
        for name, field in settings.model_fields.items():
            default = field.get_default(call_default_factory=True, validated_data={})
            if default is PydanticUndefined:
                shown = "required"
            elif name == "cache_dir":
                shown = "`~/.cache/shortlist`"
            else:
                shown = f"`{default}`" if default not in {"", None} else "none"
            lines.append(f"| `{prefix}{name.upper()}` | {shown} | {field.description} |")
    return "\n".join(lines)
