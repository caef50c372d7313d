"""Message classes for the few messages of a format that are needed, described in a table.

Weights came in protocol buffers long before other containers, and both Caffe's schema and
TensorFlow's are large. The numbers of fields cannot change any more, so that a dozen of them,
written down, stand in for a generated module, and `protobuf` itself, which reads them, is a small
package that is kept.
"""

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Mapping[str, tuple[int, str]]]
"""For each message its fields: number, and label and type, as "repeated bytes", "packed int64"."""


def message_class(schema: Schema, package: str, message: str) -> Any:
    """Return the class of a message, in a pool of its own beside any generated one.

    Args:
        schema: the messages, whose fields may be of one another's types.
        package: what the schema's package is called.
        message: which of the messages.

    >>> Point = message_class({"Point": {"x": (1, "int32")}}, "plane", "Point")
    >>> Point.FromString(bytes([8, 7])).x
    7
    """
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(
        name=f"{package}.proto", package=package, syntax="proto2"
    )
    for name, fields in schema.items():
        described = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            _describe(described.field.add(name=field, number=number), kind, schema, package)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{message}"))


def _describe(field: Any, kind: str, schema: Schema, package: str) -> None:
    *label, type_name = kind.split()
    field.label = field.LABEL_REPEATED if label else field.LABEL_OPTIONAL
    if label == ["packed"]:
        field.options.packed = True
    if type_name in schema:
        field.type, field.type_name = field.TYPE_MESSAGE, f".{package}.{type_name}"
    else:
        field.type = getattr(field, f"TYPE_{type_name.upper()}")


def parse(message: Any, content: bytes, source: str, what: str) -> Any:
    """Read a message, or say in one line that it is none.

    Args:
        message: the class, as `message_class` returns it.
        content: the bytes.
        source: the file's name, for messages.
        what: it should be, with its article: "a caffemodel".

    Raises:
        UserError: the bytes are not such a message.
    """
    from google.protobuf.message import DecodeError

    from atlasjax.errors import UserError, reason

    try:
        found = message.FromString(content)
        _check_text(found)
        return found
    except (DecodeError, UnicodeError) as error:
        raise UserError(f"{source}: truncated, or not {what} ({reason(error)})") from error


def _check_text(found: Any) -> None:
    """Refuse names that are no text, which come as bytes."""
    for field in found.DESCRIPTOR.fields:
        if field.type not in (field.TYPE_STRING, field.TYPE_MESSAGE):
            continue
        value = getattr(found, field.name)
        repeated = not isinstance(value, (str, bytes)) and hasattr(value, "__len__")
        for item in value if repeated else [value]:
            if isinstance(item, bytes):
                raise UnicodeError("a name that is no text")
            if field.type == field.TYPE_MESSAGE and (repeated or found.HasField(field.name)):
                _check_text(item)
