"""The generated code is that of the proto files, and the proto files keep what the last release promised.

`released.binpb` is the contract of the last release: `protoc --descriptor_set_out` over all of protos/, written
anew with each release.
"""

import sys
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import pytest
from google.api import http_pb2
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto, FileDescriptorSet
from grpc_tools import protoc

import shortlist.v1
from support.proto_compatibility import breaks

GENERATED = Path(shortlist.v1.__file__).parent
PROTOS = GENERATED.parents[2] / "protos"
EDGE = GENERATED.parents[2] / "deploy" / "envoy" / "shortlist.binpb"
RELEASED = Path(__file__).with_name("released.binpb")


def compiled(*options: str) -> None:
    """Run protoc over all proto files."""
    scripts = Path(sys.executable).parent
    plugins = [f"--plugin=protoc-gen-{name}={scripts / f'protoc-gen-{name}'}" for name in ("mypy", "mypy_grpc")]
    well_known = str(resources.files("grpc_tools") / "_proto")
    google = Path(http_pb2.__file__).parents[2]
    files = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto"))
    assert protoc.main(["protoc", f"-I{PROTOS}", f"-I{well_known}", f"-I{google}", *plugins, *options, *files]) == 0


@pytest.fixture(scope="module")
def current(tmp_path_factory: pytest.TempPathFactory) -> FileDescriptorSet:
    """Describe the proto files as they are now."""
    path = tmp_path_factory.mktemp("protos") / "current.binpb"
    compiled(f"--descriptor_set_out={path}")
    return FileDescriptorSet.FromString(path.read_bytes())


def test_generated_code_is_that_of_the_proto_files(tmp_path: Path) -> None:
    compiled(
        f"--python_out={tmp_path}",
        f"--grpc_python_out={tmp_path}",
        f"--mypy_out=quiet:{tmp_path}",
        f"--mypy_grpc_out=quiet:{tmp_path}",
    )
    fresh = {path.name: path.read_bytes() for path in (tmp_path / "shortlist" / "v1").iterdir()}
    committed = {path.name: path.read_bytes() for path in GENERATED.glob("*_pb2*")}
    assert sorted(committed) == sorted(fresh)
    stale = [name for name, content in fresh.items() if committed[name] != content]
    assert stale == [], "run `make protos`"


def test_the_edge_s_descriptor_is_that_of_the_proto_files(tmp_path: Path) -> None:
    compiled("--include_imports", f"--descriptor_set_out={tmp_path / 'fresh.binpb'}")
    assert (tmp_path / "fresh.binpb").read_bytes() == EDGE.read_bytes(), "run `make protos`"


def test_nothing_that_was_released_changed_its_meaning(current: FileDescriptorSet) -> None:
    assert breaks(FileDescriptorSet.FromString(RELEASED.read_bytes()), current) == []


def file_of(contract: FileDescriptorSet, name: str) -> FileDescriptorProto:
    """Find a file of the contract."""
    return next(file for file in contract.file if file.name == f"shortlist/v1/{name}.proto")


def message_of(contract: FileDescriptorSet, name: str) -> DescriptorProto:
    """Find a message of recommender.proto."""
    return next(message for message in file_of(contract, "recommender").message_type if message.name == name)


def drop_field(contract: FileDescriptorSet) -> None:
    """Remove RankRequest.explain."""
    message = message_of(contract, "RankRequest")
    del message.field[next(place for place, field in enumerate(message.field) if field.name == "explain")]


def drop_and_reserve_field(contract: FileDescriptorSet) -> None:
    """Remove RankRequest.explain and reserve its number."""
    drop_field(contract)
    message_of(contract, "RankRequest").reserved_range.add(start=6, end=7)


def rename_field(contract: FileDescriptorSet) -> None:
    """Give the number of Filter.include_categories to another name."""
    message_of(contract, "Filter").field[0].name = "only_categories"


def retype_field(contract: FileDescriptorSet) -> None:
    """Make RecommendRequest.limit a string."""
    field = next(field for field in message_of(contract, "RecommendRequest").field if field.name == "limit")
    field.type = field.TYPE_STRING


def repeat_field(contract: FileDescriptorSet) -> None:
    """Make RecommendRequest.user_id repeated."""
    field = message_of(contract, "RecommendRequest").field[0]
    field.label = field.LABEL_REPEATED


def unset_optional(contract: FileDescriptorSet) -> None:
    """Take `optional` from PriceRange.min: nobody could tell 0 from unset."""
    message_of(contract, "PriceRange").field[0].proto3_optional = False


def drop_message(contract: FileDescriptorSet) -> None:
    """Remove the first message of recommender.proto."""
    del file_of(contract, "recommender").message_type[0]


def drop_method(contract: FileDescriptorSet) -> None:
    """Remove RecommenderService.Recommend."""
    del file_of(contract, "recommender").service[0].method[0]


def stream_method(contract: FileDescriptorSet) -> None:
    """Make RecommenderService.Recommend a stream."""
    file_of(contract, "recommender").service[0].method[0].server_streaming = True


def drop_value(contract: FileDescriptorSet) -> None:
    """Remove EVENT_TYPE_HIDE."""
    del file_of(contract, "events").enum_type[0].value[-1]


def drop_and_reserve_value(contract: FileDescriptorSet) -> None:
    """Remove EVENT_TYPE_HIDE and reserve its number."""
    drop_value(contract)
    file_of(contract, "events").enum_type[0].reserved_range.add(start=6, end=6)


def renumber_value(contract: FileDescriptorSet) -> None:
    """Swap EVENT_TYPE_VIEW and EVENT_TYPE_CLICK."""
    values = file_of(contract, "events").enum_type[0].value
    values[2].number, values[3].number = values[3].number, values[2].number


def drop_file(contract: FileDescriptorSet) -> None:
    """Remove a file."""
    del contract.file[0]


Change = Callable[[FileDescriptorSet], None]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (drop_field, "RankRequest.explain = 6 is gone"),
        (rename_field, "Filter.include_categories = 1 changed"),
        (retype_field, "RecommendRequest.limit = 2 changed"),
        (repeat_field, "RecommendRequest.user_id = 1 changed"),
        (unset_optional, "PriceRange.min = 1 changed"),
        (drop_message, "message Context is gone"),
        (drop_method, "RecommenderService.Recommend is gone"),
        (stream_method, "RecommenderService.Recommend changed"),
        (drop_value, "EVENT_TYPE_HIDE = 6 is gone"),
        (renumber_value, "EVENT_TYPE_VIEW = 2 became EVENT_TYPE_CLICK"),
        (drop_file, "is gone"),
    ],
)
def test_a_break_is_found_and_named(current: FileDescriptorSet, change: Change, named: str) -> None:
    changed = FileDescriptorSet.FromString(current.SerializeToString())
    change(changed)
    assert any(named in found for found in breaks(current, changed))


@pytest.mark.parametrize("change", [drop_and_reserve_field, drop_and_reserve_value])
def test_what_is_removed_and_reserved_is_no_break(current: FileDescriptorSet, change: Change) -> None:
    changed = FileDescriptorSet.FromString(current.SerializeToString())
    change(changed)
    assert breaks(current, changed) == []


def test_what_is_new_is_no_break(current: FileDescriptorSet) -> None:
    older = FileDescriptorSet.FromString(current.SerializeToString())
    drop_method(older)
    drop_field(older)
    drop_file(older)
    assert breaks(older, current) == []
