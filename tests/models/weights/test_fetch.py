"""Fetching over TLS from a server on this machine that does what servers and networks do."""

import hashlib
import http.server
import socket
import ssl
import threading
from dataclasses import dataclass, field
from typing import Any

import pytest

from atlasjax.errors import UserError
from atlasjax.models.weights import fetch
from atlasjax.models.weights.known import Remote

trustme = pytest.importorskip("trustme", reason="needs trustme: pip install '.[test]'")

CONTENT = bytes(range(256)) * 4096  # 1 MiB, in pieces of a quarter


@dataclass
class Behaviour:
    """What the server does, and what it was asked."""

    content: bytes = CONTENT
    cut_after: list[int] = field(default_factory=list)  # bytes, one for each request
    ranges: bool = True
    redirect: str | None = None
    status: int = 200
    asked: list[str | None] = field(default_factory=list)


class Server:
    def __init__(self, context: ssl.SSLContext | None):
        self.does = does = Behaviour()

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, format, *args):
                del format, args

            def do_GET(self):
                does.asked.append(self.headers["Range"])
                if does.redirect:
                    self.send_response(302)
                    self.send_header("Location", does.redirect)
                    self.end_headers()
                elif does.status != 200:
                    self.send_error(does.status)
                else:
                    self.send_content()

            def send_content(self):
                wanted = self.headers["Range"] if does.ranges else None
                start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
                if wanted and start >= len(does.content):
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{len(does.content)}")
                    self.end_headers()
                    return
                self.send_response(206 if wanted else 200)
                body = does.content[start:]
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if does.cut_after:
                    self.wfile.write(body[: does.cut_after.pop(0)])
                    self.wfile.flush()
                    self.connection.shutdown(socket.SHUT_RDWR)
                else:
                    self.wfile.write(body)

        self.server = http.server.ThreadingHTTPServer(("localhost", 0), Handler)
        if context is not None:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        scheme = "http" if context is None else "https"
        self.url = f"{scheme}://localhost:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def server(authority, tmp_path, monkeypatch):
    """A server that is trusted, as long as the test runs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "trusted.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "trusted.pem"))
    running = Server(context)
    yield running
    running.close()


def remote(server, content: bytes = CONTENT, **changes: Any) -> Remote:
    given: dict[str, Any] = {"sha256": hashlib.sha256(content).hexdigest()} | changes
    return Remote("file.pb", f"{server.url}/file.pb", **given)


def left(folder) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.name != "trusted.pem")


def test_a_file_is_fetched_and_shown_on_the_way(server, tmp_path):
    server.does.content = content = CONTENT * 3
    seen = []
    fetch.download(
        remote(server, content),
        tmp_path / "file.pb",
        lambda done, total: seen.append((done, total)),
    )
    assert (tmp_path / "file.pb").read_bytes() == content
    assert left(tmp_path) == ["file.pb"]
    assert seen[-1] == (3, 3)
    assert seen == sorted(seen)
    assert {total for _, total in seen} == {3}


def test_a_connection_cut_in_the_middle_is_taken_up(server, tmp_path):
    server.does.cut_after = [300_000, 400_000]
    fetch.download(remote(server), tmp_path / "file.pb", pause=0.0)
    assert (tmp_path / "file.pb").read_bytes() == CONTENT
    first, second, third = server.does.asked
    assert first is None
    # All that was sent before the cut is kept, in whole pieces at least.
    assert 0 < int(second[6:-1]) <= 300_000
    assert int(second[6:-1]) < int(third[6:-1]) <= 700_000


def test_the_next_command_goes_on_where_one_stopped(server, tmp_path):
    server.does.cut_after = [300_000] + [0] * 20
    with pytest.raises(UserError, match=r"cut after 0\.\d MB; the same command goes on from there"):
        fetch.download(remote(server), tmp_path / "file.pb", pause=0.0)
    kept = (tmp_path / "file.pb.part").stat().st_size
    assert kept > 0
    server.does.cut_after, server.does.asked = [], []
    fetch.download(remote(server), tmp_path / "file.pb", pause=0.0)
    assert server.does.asked == [f"bytes={kept}-"]
    assert (tmp_path / "file.pb").read_bytes() == CONTENT


def test_a_server_that_cannot_go_on_sends_all_again(server, tmp_path):
    server.does.ranges = False
    (tmp_path / "file.pb.part").write_bytes(b"x" * 1000)
    fetch.download(remote(server), tmp_path / "file.pb")
    assert (tmp_path / "file.pb").read_bytes() == CONTENT


@pytest.mark.parametrize("extra", [b"", b"more than there is"])
def test_a_part_that_is_all_of_it_or_more(server, tmp_path, extra):
    (tmp_path / "file.pb.part").write_bytes(CONTENT + extra)
    fetch.download(remote(server), tmp_path / "file.pb", pause=0.0)
    assert (tmp_path / "file.pb").read_bytes() == CONTENT


@pytest.mark.parametrize("algorithm", ["sha256", "sha1"])
def test_a_wrong_checksum_is_refused_and_nothing_kept(server, tmp_path, algorithm):
    other: dict[str, Any] = {"sha256": "", algorithm: "00ff"}
    with pytest.raises(UserError, match=f"its {algorithm} is [0-9a-f]+, but 00ff is published"):
        fetch.download(remote(server, **other), tmp_path / "file.pb")
    assert left(tmp_path) == []


def test_the_beginning_of_a_checksum_is_enough(server, tmp_path):
    whole = hashlib.sha256(CONTENT).hexdigest()
    fetch.download(remote(server, sha256=whole[:8]), tmp_path / "file.pb")
    assert left(tmp_path) == ["file.pb"]


def test_a_redirection_to_plain_http_is_refused(server, tmp_path):
    plain = Server(None)
    server.does.redirect = f"{plain.url}/file.pb"
    with pytest.raises(UserError, match=r"^http://localhost:\d+/file\.pb: refused, .* no TLS$"):
        fetch.download(remote(server), tmp_path / "file.pb")
    assert plain.does.asked == []
    assert left(tmp_path) == []
    plain.close()


def test_an_address_without_tls_is_refused(tmp_path):
    with pytest.raises(UserError, match="refused, since it has no TLS"):
        fetch.download(Remote("a", "http://localhost/a"), tmp_path / "a")


def test_redirections_end(server, tmp_path):
    server.does.redirect = "/again"
    with pytest.raises(UserError, match="redirected more than 5 times"):
        fetch.download(remote(server), tmp_path / "file.pb")
    assert len(server.does.asked) == 6


def test_a_server_that_nobody_vouches_for_is_refused(server, tmp_path, monkeypatch):
    trustme.CA().cert_pem.write_to_path(tmp_path / "trusted.pem")
    with pytest.raises(UserError, match=r"no trusted TLS connection \(.*certificate verify failed"):
        fetch.download(remote(server), tmp_path / "file.pb")


def test_a_file_that_has_gone_is_named(server, tmp_path):
    server.does.status = 404
    with pytest.raises(UserError, match=r"file\.pb: 404 Not Found; see where it is now"):
        fetch.download(remote(server), tmp_path / "file.pb")


def test_no_network_is_one_line(tmp_path):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    there = Remote("a", f"https://localhost:{port}/a")
    with pytest.raises(
        UserError, match=rf"^https://localhost:{port}/a cannot be reached \([^():]+"
    ):
        fetch.download(there, tmp_path / "a", pause=0.0)


def test_more_than_any_network_has_is_not_kept_on(server, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "MOST", 1000)
    with pytest.raises(UserError, match="more than 0 GiB"):
        fetch.download(remote(server), tmp_path / "file.pb")
