import http.client
import socket
import struct
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atlasjax.errors import UserError
from atlasjax.page import server as serving
from atlasjax.storage import sums


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "run-other").mkdir()
    (tmp_path / "run-other" / "secret.txt").write_text("secret")
    run = tmp_path / "run"
    (run / "pictures").mkdir(parents=True)
    for name in ("atlas.json", "atlas.js", "viewer.css", "index.html"):
        (run / name).write_text(f"this is {name} ä", encoding="utf-8")
    (run / "pictures" / "a b+1%.png").write_bytes(bytes(range(256)) * 1000)
    (run / ".hidden").write_text("secret")
    (run / ".git").mkdir()
    (run / ".git" / "config").write_text("secret")
    (run / "out").symlink_to(tmp_path / "secret.txt")
    (run / "outside").symlink_to(tmp_path)
    (run / "veiled").symlink_to(run / ".hidden")
    (run / "circle").symlink_to(run / "circle")
    (run / "inner.json").symlink_to(run / "atlas.json")
    return run


@pytest.fixture
def server(folder):
    server = serving.make_server(folder)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def ask(server, path, method="GET", body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("path", "name", "kind"),
    [
        ("/", "index.html", "text/html; charset=utf-8"),
        ("/index.html?x=1", "index.html", "text/html; charset=utf-8"),
        ("/viewer.css", "viewer.css", "text/css; charset=utf-8"),
        ("/atlas.js", "atlas.js", "text/javascript; charset=utf-8"),
        ("/atlas.json", "atlas.json", "application/json"),
        ("/inner.json", "atlas.json", "application/json"),
        ("/pictures/a%20b+1%25.png", "pictures/a b+1%.png", "image/png"),
    ],
)
def test_files_are_sent_whole_with_their_types(server, folder, path, name, kind):
    answer, body = ask(server, path)
    assert answer.status == 200
    assert body == (folder / name).read_bytes()
    assert answer.headers["Content-Type"] == kind
    assert answer.headers["Content-Length"] == str(len(body))
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_head_sends_no_body(server, folder):
    answer, body = ask(server, "/viewer.css", "HEAD")
    assert answer.status == 200
    assert answer.headers["Content-Length"] == str((folder / "viewer.css").stat().st_size)
    assert body == b""


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-99", 0, 100),
        ("bytes=255900-", 255900, 256000),
        ("bytes=-7", 255993, 256000),
        ("bytes=-999999", 0, 256000),
        ("bytes=255999-999999999", 255999, 256000),
        ("bytes=5-4", 0, 256000),  # what cannot be read counts as absent
        ("bytes=0-1,5-6", 0, 256000),
        ("lines=0-1", 0, 256000),
        ("bytes=-", 0, 256000),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_part_of_a_file_is_sent(server, folder, asked, start, stop, method):
    path = "/pictures/a%20b+1%25.png"
    answer, body = ask(server, path, method, headers={"Range": asked})
    whole = (folder / "pictures" / "a b+1%.png").read_bytes()
    assert body == (whole[start:stop] if method == "GET" else b"")
    assert answer.headers["Content-Length"] == str(stop - start)
    assert answer.headers["Accept-Ranges"] == "bytes"
    if stop - start < len(whole):
        assert answer.status == 206
        assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(whole)}"
    else:
        assert answer.status == 200
        assert answer.headers["Content-Range"] is None


@pytest.mark.parametrize("asked", ["bytes=256000-", "bytes=999999-1000000", "bytes=-0"])
def test_a_part_beyond_the_end_is_refused(server, asked):
    answer, body = ask(server, "/pictures/a%20b+1%25.png", headers={"Range": asked})
    assert (answer.status, body) == (416, b"")
    assert answer.headers["Content-Range"] == "bytes */256000"


@pytest.mark.parametrize(
    "path",
    [
        "/none.txt",
        "/../secret.txt",
        "/pictures/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/..%5csecret.txt",
        "/../run-other/secret.txt",
        "//etc/passwd",
        "//[",
        "/%2fetc/passwd",
        "/etc/passwd",
        "/out",
        "/outside/secret.txt",
        "/veiled",
        "/circle",
        "/.hidden",
        "/.git/config",
        "/pictures",
        "/pictures/",
        "/pictures/.",
        "/index.html/",
        "/index.html%00.png",
        "/%252e%252e/secret.txt",
        "/%25252e%25252e%25252fsecret.txt",
        "/..%252fsecret.txt",
        "/%c0%ae%c0%ae/secret.txt",
        "/pictures/..%5c..%5csecret.txt",
        "/%5c%5c127.0.0.1%5csecret.txt",
        "/C:%5csecret.txt",
        "/file:///etc/passwd",
        "file:///etc/passwd",
        "http://127.0.0.1/../secret.txt",
        "/index.html%0d%0aX-Made-Up:1",
        "/%ff%fe",
        "/" + "a" * 5000,
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_nothing_else_is_sent(server, path, method):
    answer, body = ask(server, path, method)
    assert answer.status == 404
    assert b"secret" not in body.replace(path.encode(), b"")
    assert b"root:" not in body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_other_methods_are_refused(server, folder, method):
    answer, _ = ask(server, "/index.html", method, body=b"x")
    assert answer.status in (405, 501)
    assert (folder / "index.html").exists()


def test_only_this_machine_is_answered(server):
    assert server.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "LOCALHOST:8000", "localhost.:80", "127.0.0.1", "127.0.0.1:9",
        "127.5.6.7:65535", "[::1]", "[::1]:8000",
    ],
)  # fmt: skip
def test_a_browser_on_this_machine_is_answered_by_whatever_port_it_came(server, host):
    assert ask(server, "/", headers={"Host": host})[0].status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example",
        "evil.example#localhost", "localhost@evil.example", "192.168.0.1", "0.0.0.0", "8.8.8.8:80",
        "[::]", "[2001:db8::1]:80", "2130706433", "0x7f000001", "127.1", "", " ", "[", "]", ":",
        "[localhost", "localhost:", "localhost:80:80", "localhost:http", "localhost,evil.example",
        "localhost evil.example", "l\xf6calhost",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/", "/none", "/../secret.txt"])
def test_under_a_foreign_name_nothing_is_answered(server, host, method, path):
    """Any site can have its name lead here, and read what comes as its own."""
    answer, body = ask(server, path, method, headers={"Host": host})
    assert answer.status == 403
    assert b"index" not in body


def told(server, request: bytes) -> bytes:
    """Send bytes as they are; return all that comes."""
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(1 << 16), b""))


@pytest.mark.parametrize(
    "hosts", [b"", b"Host: evil.example\r\nHost: localhost\r\n", b"Host: localhost\r\nHost: a\r\n"]
)
@pytest.mark.parametrize("version", [b"HTTP/1.0", b"HTTP/1.1"])
def test_a_host_that_is_absent_or_twofold_is_refused(server, hosts, version):
    answer = told(server, b"GET / " + version + b"\r\n" + hosts + b"\r\n")
    assert answer.startswith(b"HTTP/1.0 403 ")


def test_a_request_of_the_oldest_protocol_names_no_host(server):
    assert b"index" not in told(server, b"GET /\r\n\r\n")


PIECES = [
    "..", ".", "%2e", "%2E%2e", "%252e%252e", "%25", "%2f", "/", "//", "%5c", "\\", "%00", "\0",
    "%", "%zz", "%c0%ae", "%ff", "secret.txt", "run", "run-other", "outside", "out", "circle",
    "etc", "passwd", "pictures", "index.html", ".git", "config", "~", "C:", "file:", "http:",
    "?", "#", ";", "*", "\xe4", "a" * 300,
]  # fmt: skip


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.sampled_from(PIECES), max_size=8), st.sampled_from(["", "/", "/../", "//"]))
def test_whatever_is_asked_for_nothing_outside_is_sent(server, folder, capfd, pieces, start):
    path = start + "".join(pieces)
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode("latin-1")
    answer = told(server, request)
    head, _, body = answer.partition(b"\r\n\r\n")
    status = int(head.split()[1]) if head.startswith(b"HTTP/") else 0
    inside = [p.read_bytes() for p in folder.iterdir() if p.name == "index.html"]
    assert (status == 200 and body in inside) or status in (400, 404, 0)
    assert b"root:" not in answer
    assert body != b"secret"
    assert capfd.readouterr() == ("", "")


@given(st.text())
@settings(max_examples=200, deadline=None, derandomize=True)
def test_what_an_address_means_is_inside_or_nothing(tmp_path_factory, address):
    root = tmp_path_factory.getbasetemp().resolve()
    found = serving.inside(root, address)
    assert found is None or found.is_relative_to(root)


@pytest.mark.parametrize(
    "request_",
    [
        b"\0" * 100, b"GET", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/\xb2.1\r\n\r\n", b"\r\n\r\n",
        b"GET /" + b"a" * 70000, b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nA: " + b"b" * 70000 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01", b"__init__ / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)  # fmt: skip
def test_what_is_no_request_is_no_traceback(server, capfd, request_):
    assert b"this is" not in told(server, request_)
    assert ask(server, "/")[0].status == 200  # and the server goes on
    assert capfd.readouterr() == ("", "")


def test_a_browser_that_breaks_off_is_no_traceback(server, capfd):
    for _ in range(5):
        broken = socket.create_connection(("127.0.0.1", server.server_port), timeout=10)
        broken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        broken.sendall(b"GET /pictures/a%20b+1%25.png HTTP/1.1\r\nHost: localhost\r\n\r\n")
        broken.close()  # with a reset
    half = socket.create_connection(("127.0.0.1", server.server_port), timeout=10)
    half.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    half.sendall(b"GET / HT")
    time.sleep(0.2)  # until it is being read
    half.close()
    time.sleep(0.2)
    assert ask(server, "/")[0].status == 200
    assert capfd.readouterr() == ("", "")


def test_who_says_nothing_is_let_go(server, monkeypatch, capfd):
    monkeypatch.setattr(serving.Handler, "timeout", 0.1)
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as silent:
        assert silent.recv(1) == b""
    assert capfd.readouterr() == ("", "")


def test_other_sites_may_not_load_what_is_served(server):
    answer, _ = ask(server, "/atlas.js")
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_nothing_is_printed(server, capfd):
    ask(server, "/")
    ask(server, "/none")
    assert capfd.readouterr() == ("", "")


def test_port_in_use_is_a_mistake_of_the_users(server, folder):
    with pytest.raises(UserError, match=f"port {server.server_port} is in use"):
        serving.make_server(folder, server.server_port)


@pytest.mark.parametrize("port", [-1, 65536])
def test_ports_that_do_not_exist(folder, port):
    with pytest.raises(UserError, match="must be from 0 to 65535"):
        serving.make_server(folder, port)


def test_only_a_finished_run_is_served(folder):
    (folder / "atlas.json").unlink()
    with pytest.raises(UserError, match="did the run finish"):
        serving.make_server(folder)


def test_serve_gives_the_address_and_ends_when_interrupted(folder, monkeypatch):
    told = []

    def interrupt(self, *args):
        raise KeyboardInterrupt

    monkeypatch.setattr(serving.ThreadingHTTPServer, "serve_forever", interrupt)
    serving.serve(folder, ready=told.append)
    (address,) = told
    assert address.startswith("http://127.0.0.1:")
    port = int(address.rstrip("/").rsplit(":", 1)[1])
    serving.make_server(folder, port).server_close()  # it has been given back


def test_what_is_damaged_is_told_and_not_sent(server, folder, monkeypatch):
    sums.keep(folder, [folder / "atlas.js", folder / "viewer.css"])
    told = []

    def interrupt(self, *args):
        raise KeyboardInterrupt

    monkeypatch.setattr(serving.ThreadingHTTPServer, "serve_forever", interrupt)
    serving.serve(folder, ready=lambda address: None, warn=told.append)
    assert told == []
    assert ask(server, "/atlas.js")[0].status == 200
    (folder / "atlas.js").write_text("this is atlas.jsx", encoding="utf-8")
    assert ask(server, "/atlas.js")[0].status == 404
    assert ask(server, "/viewer.css")[0].status == 200
    assert ask(server, "/index.html")[0].status == 200  # of which nothing is noted
    serving.serve(folder, ready=lambda address: None, warn=told.append)
    assert told == [
        f"atlas.js in {str(folder)!r}: missing or damaged; run the experiment again, which only "
        "writes it anew"
    ]
