"""What a newer contract breaks of an older one: field numbers, methods and enum values that clients rely on."""

from collections.abc import Iterator
from typing import TypeAlias

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    ServiceDescriptorProto,
)

_Meaning: TypeAlias = tuple[str, int, str, int, bool]


def breaks(released: FileDescriptorSet, current: FileDescriptorSet) -> list[str]:
    """Name everything of the released contract that the current one does not keep."""
    files = {file.name: file for file in current.file}
    found: list[str] = []
    for old in released.file:
        new = files.get(old.name)
        found += [f"file {old.name} is gone"] if new is None else _file(old, new)
    return found


def _file(old: FileDescriptorProto, new: FileDescriptorProto) -> Iterator[str]:
    if old.package != new.package:
        yield f"{old.name}: package {old.package} became {new.package}"
    messages = {message.name: message for message in new.message_type}
    for message in old.message_type:
        yield from _message(message, messages.get(message.name))
    enums = {enum.name: enum for enum in new.enum_type}
    for enum in old.enum_type:
        yield from _enum(enum, enums.get(enum.name))
    services = {service.name: service for service in new.service}
    for service in old.service:
        yield from _service(service, services.get(service.name))


def _message(old: DescriptorProto, new: DescriptorProto | None) -> Iterator[str]:
    if new is None:
        yield f"message {old.name} is gone"
        return
    fields = {field.number: field for field in new.field}
    for field in old.field:
        place = f"{old.name}.{field.name} = {field.number}"
        kept = fields.get(field.number)
        if kept is None:
            if not any(span.start <= field.number < span.end for span in new.reserved_range):
                yield f"{place} is gone and its number is not reserved"
        elif _meaning(field) != _meaning(kept):
            yield f"{place} changed its meaning"
    nested = {message.name: message for message in new.nested_type}
    for message in old.nested_type:
        yield from _message(message, nested.get(message.name))
    enums = {enum.name: enum for enum in new.enum_type}
    for enum in old.enum_type:
        yield from _enum(enum, enums.get(enum.name))


def _meaning(field: FieldDescriptorProto) -> _Meaning:
    return field.name, field.type, field.type_name, field.label, field.proto3_optional


def _enum(old: EnumDescriptorProto, new: EnumDescriptorProto | None) -> Iterator[str]:
    if new is None:
        yield f"enum {old.name} is gone"
        return
    values = {value.number: value.name for value in new.value}
    for value in old.value:
        kept = values.get(value.number)
        if kept is None:
            # The end of an enum's reserved range is part of it, unlike that of a message's.
            if not any(span.start <= value.number <= span.end for span in new.reserved_range):
                yield f"{value.name} = {value.number} is gone and its number is not reserved"
        elif kept != value.name:
            yield f"{value.name} = {value.number} became {kept}"


def _service(old: ServiceDescriptorProto, new: ServiceDescriptorProto | None) -> Iterator[str]:
    if new is None:
        yield f"service {old.name} is gone"
        return
    methods = {method.name: method for method in new.method}
    for method in old.method:
        kept = methods.get(method.name)
        if kept is None:
            yield f"{old.name}.{method.name} is gone"
        elif (kept.input_type, kept.output_type, kept.client_streaming, kept.server_streaming) != (
            method.input_type,
            method.output_type,
            method.client_streaming,
            method.server_streaming,
        ):
            yield f"{old.name}.{method.name} changed what it takes or gives"
