"""Protocol buffers written byte by byte, as their wire format has it."""


def varint(value: int) -> bytes:
    """Return a number, seven bits a byte; negative ones as 64-bit two's complement."""
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field: int, value: int) -> bytes:
    """Return a field with a number."""
    return varint(field << 3) + varint(value)


def chunk(field: int, content: bytes) -> bytes:
    """Return a field with bytes, text, packed numbers or a message."""
    return varint(field << 3 | 2) + varint(len(content)) + content
