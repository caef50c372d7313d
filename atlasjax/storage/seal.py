"""Seals: a checksum at the end of an artifact, of every byte before it.

An archive's own checksums are of what is in it, not of the archive, and they are looked at where it
is unpacked. The seal is the archive's comment, so that NumPy and every other program read it as
before; it goes wherever the file goes.
"""

import hashlib
import io
import struct
import zipfile
from pathlib import Path
from typing import IO

MARK = b"atlasjax sha256 "
SIZE = len(MARK) + 64  # of the comment
END = b"PK\x05\x06"  # begins an archive's last record, which ends with the length of its comment
RECORD = 22  # bytes of that record, without the comment
BLOCK = 1 << 20  # bytes read at a time
Readable = IO[bytes] | io.BytesIO


def seal(path: Path) -> None:
    """Put a seal on an archive that has no comment yet.

    Args:
        path: the file.

    Raises:
        ValueError: it is no archive, or has a comment.
    """
    with path.open("r+b") as file:
        size = file.seek(0, 2)
        if not _unsealed(_tail(file, size, RECORD)):
            raise ValueError(f"{path} is no archive without a comment")
        length = struct.pack("<H", SIZE)
        digest = digest_of(file, size - len(length), length)
        file.seek(size - len(length))
        file.write(length + MARK + digest.encode())


def whole(file: Readable) -> bool:
    """Tell whether an artifact is as it was written. The file is read through once.

    Artifacts of earlier versions have no seal; of those the archive's own checksums must be right.

    Args:
        file: open for reading; its place is at the beginning afterwards.

    >>> import io
    >>> whole(io.BytesIO(b"no archive"))
    False
    """
    size = file.seek(0, 2)
    tail = _tail(file, size, RECORD + SIZE)
    sealed = tail[RECORD:].startswith(MARK) and tail[:4] == END
    if sealed and size > SIZE:
        known = tail[RECORD + len(MARK) :]
        found = digest_of(file, size - SIZE).encode() == known
    else:
        found = _unsealed(tail[-RECORD:]) and _tested(file)
    file.seek(0)
    return found


def digest_of(file: Readable, count: int | None = None, after: bytes = b"") -> str:
    """Return the SHA-256 of a file's first bytes, in hexadecimal digits.

    Args:
        file: open for reading.
        count: how many bytes; all by default.
        after: what is taken as if it stood behind them.

    >>> import io
    >>> digest_of(io.BytesIO(b"abc"))[:8]
    'ba7816bf'
    """
    file.seek(0)
    found, left = hashlib.sha256(), count
    while left is None or left > 0:
        block = file.read(BLOCK if left is None else min(BLOCK, left))
        if not block:
            break
        found.update(block)
        left = None if left is None else left - len(block)
    found.update(after)
    return found.hexdigest()


def _tail(file: Readable, size: int, count: int) -> bytes:
    file.seek(max(size - count, 0))
    return file.read(count)


def _unsealed(end: bytes) -> bool:
    return len(end) == RECORD and end[:4] == END and end[-2:] == b"\0\0"


def _tested(file: Readable) -> bool:
    """Tell whether all that an archive says of itself is right."""
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.testzip() is None
    except (MemoryError, OSError):
        raise
    except Exception:  # a damaged archive may raise nearly anything: zlib.error, RuntimeError, ...
        return False
