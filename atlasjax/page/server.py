"""Serve: a finished run's folder, read only, to the browser on this machine.

The page opens from disk as well. A server helps where there is no disk to open it from: on a remote
machine, through a tunnel to its port.
"""

import errno
import ipaddress
import os
import re
import sys
import warnings
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote

from atlasjax.errors import UserError
from atlasjax.runs.open import finished_run
from atlasjax.storage import sums
from atlasjax.storage.remedy import remedy

HOST = "127.0.0.1"
SILENCE = 60  # seconds after which a browser that says nothing, or takes nothing, is let go
# Python's own table depends on the machine, which may call scripts plain text.
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".log": "text/plain; charset=utf-8",
}


def serve(
    folder: str | os.PathLike,
    port: int = 0,
    *,
    ready: Callable[[str], object] = print,
    warn: Callable[[str], object] = warnings.warn,
) -> None:
    """Serve a finished run until interrupted. Files that are damaged are not sent.

    Args:
        folder: the run folder.
        port: of this machine; 0 takes any that is free.
        ready: called with the page's address once it can be opened.
        warn: called with a line where files are missing or damaged.

    Raises:
        UserError: no finished run there, or a port that cannot be had.
    """
    with make_server(folder, port) as server:
        lost = sums.changed(Path(folder))
        if lost:
            more = f" and {len(lost) - 1} more files" if len(lost) > 1 else ""
            warn(f"{lost[0]}{more} in {str(folder)!r}: missing or damaged; {remedy(Path(folder))}")
        try:
            ready(f"http://{HOST}:{server.server_port}/")
            server.serve_forever()
        except KeyboardInterrupt:
            return


def make_server(folder: str | os.PathLike, port: int = 0) -> ThreadingHTTPServer:
    """Return a server of a finished run that listens, and answers once it is told to.

    Args:
        folder: the run folder.
        port: of this machine, 0 to 65535; 0 takes any that is free.

    Returns:
        The server, to be closed by the caller.

    Raises:
        UserError: no finished run there, or a port that cannot be had.

    >>> make_server("runs/none/at/all")
    Traceback (most recent call last):
    atlasjax.errors.UserError: no run folder 'runs/none/at/all'
    """
    root = finished_run(folder).resolve()
    if not 0 <= port <= 65535:
        raise UserError(f"port {port}: must be from 0 to 65535")

    class OfThisRun(Handler):
        folder = root

    try:
        return Server((HOST, port), OfThisRun)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UserError(f"port {port} is in use; take another, or 0 for any free one") from None
        raise UserError(f"port {port} cannot be had: {error.strerror or error}") from None


def inside(root: Path, address: str) -> Path | None:
    """Return the file that an address means, if it may be read.

    Args:
        root: the run folder, without links in its path.
        address: as the browser asks for it, quoted, with a query or not.

    Returns:
        A file inside the folder; None where there is none, for folders, for hidden files, and for
        whatever leads outside.

    >>> inside(Path("/"), "/../etc/passwd") is None
    True
    """
    names = unquote(address.partition("?")[0]).lstrip("/").split("/")
    if names == [""]:
        names = ["index.html"]
    if any(not name or name.startswith(".") or set(name) & set("\0\\") for name in names):
        return None
    try:
        path = root.joinpath(*names).resolve()
        within = path.is_relative_to(root) and path.is_file()
    except (OSError, ValueError, RuntimeError):  # a name too long, links in a circle
        return None
    # A link may lead to a hidden file inside the folder, which is no more to be read than others.
    hidden = within and any(part.startswith(".") for part in path.relative_to(root).parts)
    return path if within and not hidden else None


def asked_range(header: str | None, size: int) -> range | None:
    """Return the bytes of a file that a request asks for.

    Args:
        header: its `Range`, if it has one. One that cannot be read, or that names several ranges,
            counts as absent, as the protocol allows.
        size: of the file, in bytes.

    Returns:
        The bytes, all of them where none are named; None where there are none of those named.

    Source: RFC 9110, section 14.

    >>> asked_range("bytes=0-99", 1000), asked_range("bytes=-10", 1000), asked_range(None, 5)
    (range(0, 100), range(990, 1000), range(0, 5))
    >>> asked_range("bytes=1000-", 1000) is None
    True
    """
    found = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", (header or "").replace(" ", ""))
    if not found or found.groups() == ("", ""):
        return range(size)
    first, last = found.groups()
    if not first:
        return range(max(0, size - int(last)), size) if int(last) and size else None
    start, stop = int(first), min(size, int(last) + 1) if last else size
    if last and int(last) < start:
        return range(size)
    return range(start, stop) if start < size else None


def of_this_machine(host: str) -> bool:
    """Tell whether an address, as a browser names it in `Host`, is of the machine it runs on.

    Another site's page may have its own name lead here, and would then read what is served as if
    it were its own. The port is not looked at: a tunnel has one of its own.

    >>> of_this_machine("localhost:8000"), of_this_machine("[::1]"), of_this_machine("evil.example")
    (True, True, False)
    """
    found = re.fullmatch(r"(\[[^\]]*\]|[^:\[\]]*)(:\d{1,5})?", host.strip())
    if not found:
        return False
    name = found[1].strip("[]").lower()
    if name in ("localhost", "localhost."):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


class Server(ThreadingHTTPServer):
    """Says nothing of browsers that went to another page, or fell asleep, in the middle."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tell what went wrong with a request, where it is no fault of the connection."""
        if not isinstance(sys.exception(), (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD for the files of one folder; the server refuses everything else."""

    folder: Path
    timeout = SILENCE

    def do_GET(self) -> None:
        """Send a file."""
        self._send(body=True)

    def do_HEAD(self) -> None:
        """Send what is known of a file."""
        self._send(body=False)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the terminal belongs to the command that serves."""

    def _send(self, body: bool) -> None:
        hosts = self.headers.get_all("Host", [])
        if not hosts or not all(map(of_this_machine, hosts)):
            self.send_error(HTTPStatus.FORBIDDEN, "Only this machine is answered")
            return
        path = inside(self.folder, self.path)
        try:
            damaged = path is None or sums.is_changed(path, self.folder)
            file = None if path is None or damaged else path.open("rb")
        except OSError:  # one that may not be read, or was there a moment ago
            file = None
        if path is None or file is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        with file:
            self._send_file(path, file, body)

    def _send_file(self, path: Path, file: BinaryIO, body: bool) -> None:
        size = os.fstat(file.fileno()).st_size
        part = asked_range(self.headers.get("Range"), size)
        if part is None:
            self.send_response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            self.send_header("Content-Range", f"bytes */{size}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self._head(path, part, size)
        if body:
            file.seek(part.start)
            self._copy(file, len(part))

    def _head(self, path: Path, part: range, size: int) -> None:
        whole = len(part) == size
        self.send_response(HTTPStatus.OK if whole else HTTPStatus.PARTIAL_CONTENT)
        self.send_header("Content-Type", TYPES.get(path.suffix, "application/octet-stream"))
        self.send_header("Content-Length", str(len(part)))
        self.send_header("Accept-Ranges", "bytes")
        if not whole:
            self.send_header("Content-Range", f"bytes {part.start}-{part.stop - 1}/{size}")
        # A run that goes on writes the same names again.
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.end_headers()

    def _copy(self, file: BinaryIO, count: int) -> None:
        while count > 0 and (block := file.read(min(count, 1 << 18))):
            self.wfile.write(block)
            count -= len(block)
