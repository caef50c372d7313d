"""Fetch: a published file over TLS, taken up again where a connection was cut.

What has arrived is kept beside the destination until all of it is there and is what it should be;
then it becomes the file, or else nothing stays.
"""

import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from atlasjax.errors import UserError
from atlasjax.models.weights import files
from atlasjax.models.weights.known import Remote
from atlasjax.progress import Progress, silent

PIECE = 1 << 18  # bytes
REDIRECTS = 5
TRIES = 5  # without anything new, before it is given up
TIMEOUT = 30.0  # seconds without a byte
MOST = 1 << 30  # bytes: no network known here has as much


def download(remote: Remote, path: Path, progress: Progress = silent, pause: float = 1.0) -> Path:
    """Download a file, or what is left of it, and compare it with its published checksum.

    Args:
        remote: the file.
        path: where it goes. What has arrived of it is kept in `path` with ".part" behind its name.
        progress: called with the megabytes that are there and that there are.
        pause: before a broken connection is tried again, in seconds.

    Returns:
        The path.

    Raises:
        UserError: it cannot be reached or is not there; it is redirected to an address without TLS;
            the connection is cut again and again; or it has another checksum, and then nothing of
            it is kept.
    """
    part = path.with_name(f"{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    tries, before = 0, -1
    while not _continued(remote, part, progress):
        size = part.stat().st_size if part.is_file() else 0
        tries = tries + 1 if size <= before else 1
        before = size
        if tries >= TRIES:
            raise UserError(
                f"{remote.url}: the connection was cut after {size / 1e6:.1f} MB; the same command "
                "goes on from there"
            )
        time.sleep(pause)
    try:
        check(remote, part)
    except UserError:
        part.unlink()
        raise
    part.replace(path)
    return path


def check(remote: Remote, path: Path) -> None:
    """Compare a file with the checksum that is published of it, if there is one.

    Args:
        remote: the file as it is published.
        path: the file as it is here.

    Raises:
        UserError: it is another file.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as empty:
    ...     check(Remote("a", "https://example.org/a", sha256="00"), Path(empty.name))
    Traceback (most recent call last):
    atlasjax.errors.UserError: https://example.org/a: its sha256 is e3b0..., but 00 is published;
    nothing of it is kept
    """
    for algorithm in ("sha256", "sha1"):
        expected = getattr(remote, algorithm)
        found = files.digest(path, algorithm) if expected else ""
        if not found.startswith(expected):
            raise UserError(
                f"{remote.url}: its {algorithm} is {found}, but {expected} is published; nothing "
                "of it is kept"
            )


def _continued(remote: Remote, part: Path, progress: Progress) -> bool:
    """Take up a download; return whether all of it is there now."""
    import requests

    there = part.stat().st_size if part.is_file() else 0
    try:
        with _opened(remote.url, there) as response:
            if response.status_code == 416:  # nothing lies behind what is there
                return _is_whole(response, there) or _began_anew(part)
            if response.status_code not in (200, 206):
                raise UserError(
                    f"{remote.url}: {response.status_code} {response.reason}; see where it is now"
                )
            if response.status_code == 200:
                there = 0  # the server sends all of it again
            total = there + int(response.headers.get("Content-Length") or 0)
            _append(response, part, there, total, progress)
            return total == there or part.stat().st_size >= total
    except requests.exceptions.SSLError as error:
        raise UserError(f"{remote.url}: no trusted TLS connection ({_reason(error)})") from error
    except (requests.exceptions.ChunkedEncodingError, requests.exceptions.Timeout):
        return False
    except requests.exceptions.ConnectionError as error:
        if part.is_file():
            return False
        raise UserError(f"{remote.url} cannot be reached ({_reason(error)})") from error
    except requests.exceptions.RequestException as error:
        raise UserError(f"{remote.url}: {_reason(error)}") from error
    except OSError as error:
        raise UserError(f"{part}: cannot be written ({error.strerror or error})") from error


def _opened(url: str, there: int) -> Any:
    """Ask for what is left of a file, following redirections as long as they keep TLS."""
    import requests

    # As it is on the server: a length that is compared must not be that of what was packed.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={there}-"} if there else {})
    for _ in range(REDIRECTS + 1):
        if urlsplit(url).scheme != "https":
            raise UserError(f"{url}: refused, since it has no TLS")
        response = requests.get(
            url, headers=headers, stream=True, timeout=TIMEOUT, allow_redirects=False
        )
        if not response.is_redirect:
            return response
        url = urljoin(url, response.headers["Location"])
        response.close()
    raise UserError(f"{url}: redirected more than {REDIRECTS} times")


def _append(response: Any, part: Path, there: int, total: int, progress: Progress) -> None:
    with part.open("r+b" if there else "wb") as file:
        file.seek(there)
        for piece in response.iter_content(PIECE):
            file.write(piece)
            there += len(piece)
            if there > MOST:
                raise UserError(f"{response.url}: more than {MOST >> 30} GiB, which none of it has")
            progress(there // 1_000_000, max(total, there) // 1_000_000)


def _is_whole(response: Any, there: int) -> bool:
    """Read from a refusal whether what is there is as long as the file: "bytes */1000"."""
    return response.headers.get("Content-Range", "").rpartition("/")[2] == str(there)


def _began_anew(part: Path) -> bool:
    part.unlink(missing_ok=True)
    return False


def _reason(error: BaseException) -> str:
    """Return the innermost cause of a network error, which tells most, in one line."""
    inner: Any = error
    while True:
        arguments = [a for a in getattr(inner, "args", ()) if isinstance(a, BaseException)]
        following = getattr(inner, "reason", None)
        deeper = following if isinstance(following, BaseException) else next(iter(arguments), None)
        if deeper is None:
            said = str(inner).strip().partition("\n")[0] or type(inner).__name__
            return re.sub(r"^HTTPS?Connection\(.*?\): ", "", said)
        inner = deeper
