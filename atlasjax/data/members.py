"""Members of an archive: what lies in a tar or a zip, and where, so that any is read at once.

An archive is never unpacked: its members are listed once, and each is read by its place. So
several threads and processes may read one, and nothing is written wherever a name would lead.
"""

import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath
from typing import NamedTuple

from atlasjax.data.walk import readable
from atlasjax.errors import UserError, reason

MOST = 1 << 30  # bytes that one member may have
_STORED, _DEFLATED = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED
_LOCAL, _ENCRYPTED, _LINK = b"PK\3\4", 1, 0o120000
_PACKINGS = {zipfile.ZIP_BZIP2: "bzip2", zipfile.ZIP_LZMA: "lzma"}
_BLOCK = tarfile.BLOCKSIZE


class Member(NamedTuple):
    """A file in an archive.

    Attributes:
        name: its path in the archive, with forward slashes.
        start: where it begins, in bytes: in a zip its own header, in a tar its content.
        stored: how many bytes it takes in the archive.
        size: how many it has.
        packing: how a zip packed it, 0 or 8; None in a tar.
        crc: what a zip says of its content, to tell damage; 0 in a tar, which says nothing.
    """

    name: str
    start: int
    stored: int
    size: int
    packing: int | None = None
    crc: int = 0


class Listed(NamedTuple):
    """What lies in an archive.

    Attributes:
        members: its files that can be read, in their order.
        left_out: those that cannot, each as "name: reason".
    """

    members: tuple[Member, ...]
    left_out: tuple[str, ...]


def listed(path: Path) -> Listed:
    """List the files of a tar or a zip, whatever it is called.

    Of several of one name the last counts, as it would once they are unpacked. Links, devices and
    names that lead elsewhere are left out.

    Args:
        path: the archive.

    Raises:
        UserError: it is neither, is cut off or damaged, or compressed as a whole, so that nothing
            in it can be read without all before.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with zipfile.ZipFile(f"{folder}/a.zip", "w") as archive:
    ...         archive.writestr("cat/1.png", b"...")
    ...         archive.writestr("../2.png", b"...")
    ...     listed(Path(folder, "a.zip")).left_out
    ('../2.png: a name that leads out of the archive',)
    """
    try:
        with path.open("rb") as file:
            head = file.read(_BLOCK)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from None
    if head.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")):
        raise UserError(
            f"{path}: compressed as a whole, so that no image in it can be read without all before "
            "it: uncompress it (gunzip, bunzip2, unxz or unzstd); the .tar may stay as it is"
        )
    walked = _of_zip if head.startswith(b"PK") else _of_tar
    found: dict[str, Member] = {}
    left_out: dict[str, str] = {}
    try:
        for member, odd in walked(path):
            name = "/".join(part for part in member.name.split("/") if part not in ("", "."))
            cannot = _refused(member) or odd
            (left_out if cannot else found).pop(name, None)
            if cannot:
                left_out[name] = f"{readable(name)}: {cannot}"
            else:
                found[name] = member._replace(name=name)
    except UserError:
        raise
    except Exception as error:
        # Damaged archives make their readers raise nearly anything: struct.error, OverflowError,
        # RecursionError, UnicodeDecodeError.
        raise UserError(f"{path}: a damaged archive, or none ({reason(error)})") from error
    return Listed(tuple(found.values()), tuple(left_out.values()))


def read(path: Path, member: Member, most: int | None = None) -> bytes:
    """Read a member of an archive.

    Args:
        path: the archive.
        member: one that `listed` gave.
        most: read so many bytes at most, of its beginning; by default all.

    Raises:
        ValueError: it is damaged.
        OSError: the archive cannot be read.
    """
    part = most is not None and most < member.size
    with path.open("rb") as file:
        file.seek(member.start)
        if member.packing is not None:
            head = file.read(30)
            if len(head) < 30 or not head.startswith(_LOCAL):
                raise ValueError("the archive is damaged: it is not where its list says")
            file.seek(sum(struct.unpack("<HH", head[26:])), 1)
        data = file.read(min(member.stored, most) if part and most else member.stored)
    if len(data) < member.stored and not part:
        raise ValueError("the archive ends in the middle of it")
    if member.packing == _DEFLATED:
        # Never more than it should have, whatever would come out.
        data = _inflated(data, most if part and most else member.size + 1)
    whole = not part and member.packing is not None
    if whole and (len(data) != member.size or zlib.crc32(data) != member.crc):
        raise ValueError("damaged: it has not the checksum that the archive says")
    return data


def _inflated(data: bytes, most: int) -> bytes:
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, most)
    except zlib.error as error:
        raise ValueError(f"damaged ({error})") from None


def _refused(member: Member) -> str | None:
    """Return why a member is not read, whatever kind it is of."""
    if leads_out(member.name):
        return "a name that leads out of the archive"
    return f"more than {MOST >> 30} GiB" if member.size > MOST else None


def leads_out(name: str) -> bool:
    r"""Tell whether the name of a member is absolute, or goes up.

    >>> leads_out("/etc/passwd"), leads_out(r"a\..\..\b"), leads_out("C:/a"), leads_out("a..b/c")
    (True, True, True, False)
    """
    parts = PureWindowsPath(name)  # which knows both kinds of slashes
    return bool(parts.anchor) or ".." in parts.parts or "\0" in name


_Walked = Iterator[tuple[Member, str | None]]


def _of_zip(path: Path) -> _Walked:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            reason = None
            if info.flag_bits & _ENCRYPTED:
                reason = "encrypted"
            elif (info.external_attr >> 16) & 0o170000 not in (0, 0o100000):
                link = (info.external_attr >> 16) & 0o170000 == _LINK
                reason = "a link, not followed" if link else "not a regular file"
            elif info.compress_type not in (_STORED, _DEFLATED):
                packed = _PACKINGS.get(info.compress_type, f"method {info.compress_type}")
                reason = f"packed by {packed}, of which only store and deflate are read"
            elif info.compress_type == _STORED and info.compress_size != info.file_size:
                reason = "damaged: it has two sizes"
            # The name as it is written, which Python cuts at NUL and turns.
            name = info.orig_filename.replace("\\", "/")
            where = info.header_offset, info.compress_size, info.file_size
            yield Member(name, *where, info.compress_type, info.CRC), reason


def _of_tar(path: Path) -> _Walked:
    end, before = path.stat().st_size, -1
    with tarfile.open(path, "r:") as archive:
        while (info := archive.next()) is not None:
            archive.members = []  # pyright: ignore[reportAttributeAccessIssue]  # or it holds all
            if info.offset <= before or info.size < 0 or info.offset_data + info.size > end:
                raise ValueError(f"the member at byte {info.offset} is cut off or has a false size")
            before = info.offset
            if info.isdir():
                continue
            member = Member(info.name, info.offset_data, info.size, info.size)
            yield member, _of_kind(info)
        stopped = archive.offset
    _check_end(path, stopped, end)


def _of_kind(info: tarfile.TarInfo) -> str | None:
    if info.issym() or info.islnk():
        return "a link, not followed"
    if info.issparse():
        return "stored with holes, which is not read"
    return None if info.isreg() else "not a regular file"


def _check_end(path: Path, stopped: int, end: int) -> None:
    """Refuse what is not the end: Python stops at a damaged header without a word."""
    with path.open("rb") as file:
        file.seek(stopped)
        mark = file.read(_BLOCK)
        if len(mark) < _BLOCK:
            raise ValueError(f"it ends at byte {end} without the mark of its end: cut off")
        if mark.strip(b"\0"):
            raise ValueError(f"the header at byte {stopped} is damaged, and hides what follows")
        while more := file.read(1 << 20):
            if more.strip(b"\0"):
                raise ValueError(
                    f"there is more behind its end at byte {stopped}: several joined into one, or "
                    "a header of zeros; unpack it with tar --ignore-zeros, and pack it again"
                )
