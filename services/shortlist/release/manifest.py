"""The manifest: what a release is, what its models take, and a checksum for each of its files."""

import hashlib
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

MANIFEST_NAME = "manifest.json"

Precision = Literal["int8", "fp32"]
FileName = Annotated[str, StringConstraints(pattern="^[a-z0-9][a-z0-9._]*$")]
"""A file in the release's own directory: no path leads out of it."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TensorSpec(_Frozen):
    """A named tensor of a model. `shape` leaves the batch axis out; -1 is a dynamic axis."""

    name: str
    dtype: Literal["float32", "float16", "int32"]
    shape: tuple[int, ...]


class ModelSpec(_Frozen):
    """An ONNX model of the release and the tensors that it takes and gives."""

    file: FileName
    inputs: tuple[TensorSpec, ...]
    output: TensorSpec


class RankerSpec(ModelSpec):
    """The ranker that is served; `precision` says what the file holds."""

    precision: Precision


class FeatureSchema(_Frozen):
    """What the models see, by name and in order.

    Normalisation is inside the ONNX graphs, so these are raw values.
    """

    history_length: int = Field(ge=1, le=1000)
    user_dense: tuple[str, ...]
    item_columns: tuple[str, ...]
    sources: tuple[str, ...]
    candidate_dense: tuple[str, ...]


class FileEntry(_Frozen):
    """Size and checksum of one file."""

    size_bytes: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class Manifest(_Frozen):
    """The contents of manifest.json.

    `trained_until` is the end of the log that the models saw; `exclude_seen` the default of
    Filter.exclude_seen; `candidates` how many items are ranked for a request; `has_item_bias` whether the last
    coordinate of an embedding is the item's bias, which only queries meet; `has_content_map` whether
    items that come later can be placed by their content.
    """

    format: Literal[2] = 2
    id: str = Field(pattern="^[a-z0-9][a-z0-9.-]{0,127}$")
    created: datetime
    dataset: str
    seed: int
    trained_until: datetime
    item_count: int = Field(ge=1)
    embedding_dimension: int = Field(ge=1)
    has_item_bias: bool = False
    has_content_map: bool = False
    candidates: int = Field(ge=1, le=1000)
    exclude_seen: bool
    features: FeatureSchema
    query_tower: ModelSpec
    ranker: RankerSpec
    notes: tuple[str, ...] = ()
    files: dict[FileName, FileEntry]
    checksum: str = ""

    def own_checksum(self) -> str:
        """Compute the SHA-256 of everything but `checksum` itself."""
        content = self.model_copy(update={"checksum": ""}).model_dump_json()
        return hashlib.sha256(content.encode()).hexdigest()
