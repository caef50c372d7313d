import http.client
import threading

import pytest

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
