"""Clients that take their time hold neither a thread nor the door."""

from __future__ import annotations

import hashlib
import socket
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.webserver.running import LARGE_BYTES, connect, get, read_all, serving, wait_for

HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
HALF_BODY = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nab"
SLOW = {
    "heads that never end": HEAD + b"X-Slow: a",
    "bodies that never end": HALF_BODY,
    "chunks that never end": b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    "nothing at all": b"",
    "nothing after an answer": HEAD + b"\r\n",
    "answers that nobody reads": b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


@pytest.mark.parametrize("first", SLOW.values(), ids=SLOW.keys())
def test_sixty_slow_clients_hold_no_thread(first: bytes, tmp_path: Path) -> None:
    with serving(tmp_path, threads=2, reader_threads=1) as (port, app), ExitStack() as crowd:
        for _each in range(60):
            crowd.enter_context(connect(port, first))
        for _each in range(20):
            assert get(port)[0] == 200
            assert get(port, "/health")[0] == 200
        wait_for(lambda: app.inside == 0)


def test_all_kinds_at_once_hold_no_thread_either(tmp_path: Path) -> None:
    with serving(tmp_path, threads=1, reader_threads=1) as (port, _app), ExitStack() as crowd:
        for first in list(SLOW.values()) * 10:
            crowd.enter_context(connect(port, first))
        assert [get(port, path)[0] for path in ("/", "/health", "/u/1") * 5] == [200] * 15


def test_a_body_that_does_not_come_is_answered_and_cut(tmp_path: Path) -> None:
    with serving(tmp_path, body_s=0.3) as (port, app), connect(port, HALF_BODY) as slow:
        assert read_all(slow).startswith(b"HTTP/1.1 408 ")
        assert app.asked == []


def test_a_byte_now_and_then_is_no_progress(tmp_path: Path) -> None:
    with (
        serving(tmp_path, body_s=0.5, slowest_bytes_per_s=1000) as (port, app),
        connect(port, HALF_BODY) as slow,
    ):
        slow.settimeout(0.05)
        answer = b""
        for _each in range(500):
            try:
                slow.sendall(b"a")
                answer += slow.recv(65536)
            except TimeoutError:
                continue
            except OSError:
                break
            if answer:
                break
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert app.asked == []


def test_every_byte_that_comes_buys_a_body_time(tmp_path: Path) -> None:
    with (
        serving(tmp_path, body_s=0.3, slowest_bytes_per_s=1) as (port, _app),
        connect(port, b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 40\r\n\r\n") as slow,
    ):
        for _each in range(40):
            slow.sendall(b"a")
            time.sleep(0.02)  # together longer than the 0.3 s of a body that does not come
        assert slow.recv(65536).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("first", [b"", HEAD, b"\r\n"], ids=["none", "half", "blank"])
def test_a_head_that_does_not_come_is_cut(first: bytes, tmp_path: Path) -> None:
    with serving(tmp_path, head_s=0.3, idle_s=60) as (port, app), connect(port, first) as slow:
        assert read_all(slow) == b""
        assert app.asked == []


def test_an_empty_line_after_an_answer_begins_a_head_that_has_to_come(tmp_path: Path) -> None:
    with serving(tmp_path, head_s=0.3, idle_s=60) as (port, _app), connect(port, HEAD + b"\r\n") as slow:
        assert b"200 OK" in slow.recv(65536)
        slow.sendall(b"\r\n")
        read_all(slow)  # ends


def test_a_head_without_end_is_refused(tmp_path: Path) -> None:
    with serving(tmp_path, head_s=60) as (port, app), connect(port, HEAD) as greedy:
        with pytest.raises(OSError):
            for _each in range(100_000):
                greedy.sendall(b"X-Much: " + b"a" * 4000 + b"\r\n")
        assert get(port)[0] == 200
        assert app.asked == ["GET /"]


def test_an_answer_that_nobody_reads_is_given_up(tmp_path: Path) -> None:
    with serving(tmp_path, reading_s=0.3) as (port, _app):
        with connect(port, SLOW["answers that nobody reads"]) as lazy:
            wait_for(lambda: _is_cut(lazy))
        assert get(port)[0] == 200


def _is_cut(connection: socket.socket) -> bool:
    """Whether the server has reset the connection, asked without reading."""
    return connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0 or _is_reset(connection)


def _is_reset(connection: socket.socket) -> bool:
    try:
        connection.sendall(b"\r\n")
    except OSError:
        return True
    return False


def test_a_slow_reader_gets_all_of_a_large_answer(tmp_path: Path) -> None:
    asks = b"GET /large HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with serving(tmp_path, threads=1) as (port, app), connect(port, asks) as slow:
        wait_for(lambda: app.asked != [] and app.inside == 0)
        assert get(port)[0] == 200  # by the one thread, which is done with the large one
        assert read_all(slow).partition(b"\r\n\r\n")[2].count(b"x") == LARGE_BYTES
    assert list(tmp_path.iterdir()) == []


def test_what_operators_do_keeps_no_reader_waiting(tmp_path: Path) -> None:
    with serving(tmp_path, threads=2, most_waiting=3) as (port, app), ExitStack() as pages:
        for _each in range(5):
            pages.enter_context(connect(port, b"GET /pages/wait HTTP/1.1\r\nHost: localhost\r\n\r\n"))
        wait_for(lambda: app.inside == 2)
        assert get(port, "/health")[0] == 200
        assert get(port, "/u/1", method="POST", body=b"a=b")[0] == 200
        wait_for(lambda: get(port)[0] == 503)
        app.opened.set()
        wait_for(lambda: get(port)[0] == 200)


def test_too_many_connections_cost_the_one_that_idles_longest(tmp_path: Path) -> None:
    with serving(tmp_path, most_connections=64) as (port, _app), ExitStack() as crowd:
        first = crowd.enter_context(connect(port))
        for _each in range(70):
            crowd.enter_context(connect(port, HALF_BODY))
        assert read_all(first) == b""
        assert get(port)[0] == 200


def test_who_hangs_up_after_a_whole_request_has_still_made_it(tmp_path: Path) -> None:
    with serving(tmp_path, threads=1, reader_threads=1) as (port, app):
        waits = connect(port, b"GET /u/wait HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_for(lambda: app.inside == 1)
        connect(port, b"GET /o/1 HTTP/1.1\r\nHost: localhost\r\n\r\n").close()
        connect(port, b"POST /u/1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\na=b").close()
        app.opened.set()
        wait_for(lambda: "POST /u/1" in app.asked)
        waits.close()


def test_a_large_body_comes_whole_and_leaves_nothing(tmp_path: Path) -> None:
    body = bytes(range(256)) * 8000
    with serving(tmp_path) as (port, _app):
        status, said = get(port, "/", method="POST", body=body)
    assert (status, said.split(b"\n")[:2]) == (
        200,
        [hashlib.sha256(body).hexdigest().encode(), str(len(body)).encode()],
    )
    assert list(tmp_path.iterdir()) == []


def test_a_body_over_the_limit_is_refused_however_it_comes(tmp_path: Path) -> None:
    chunk = b"%x\r\n%s\r\n" % (70_000, b"a" * 70_000)
    with serving(tmp_path, largest_body_bytes=100_000) as (port, app):
        assert get(port, "/", method="POST", body=b"a" * 100_001)[0] == 413
        head = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        with connect(port, head + chunk * 2) as chunks:
            assert read_all(chunks).startswith(b"HTTP/1.1 413 ")
        assert app.asked == []


def test_bodies_together_fill_no_disk(tmp_path: Path) -> None:
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000\r\n\r\n"
    with (
        serving(tmp_path, most_body_bytes=250_000) as (port, _app),
        connect(port, head + b"a" * 190_000) as held,
    ):
        wait_for(lambda: get(port, "/", method="POST", body=b"a" * 100_000)[0] == 503)
        assert get(port, "/", method="POST", body=b"a" * 100)[0] == 200
        held.sendall(b"a" * 10_000)
        assert b"200 OK" in held.recv(65536)
        wait_for(lambda: get(port, "/", method="POST", body=b"a" * 100_000)[0] == 200)


def test_chunks_are_told_to_the_app_as_one_body(tmp_path: Path) -> None:
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    with (
        serving(tmp_path) as (port, _app),
        connect(port, head + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n") as client,
    ):
        answer = read_all(client).partition(b"\r\n\r\n")[2]
    assert answer.split(b"\n")[:2] == [hashlib.sha256(b"abcde").hexdigest().encode(), b"5"]


def test_requests_behind_each_other_are_answered_in_order(tmp_path: Path) -> None:
    with serving(tmp_path, threads=4) as (port, app):
        one = b"GET /one HTTP/1.1\r\nHost: localhost\r\n\r\n"
        two = b"GET /two HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        with connect(port, one + two) as client:
            answer = read_all(client)
    assert answer.index(b"/one") < answer.index(b"/two")
    assert app.asked == ["GET /one", "GET /two"]


@pytest.mark.parametrize(
    "spoilt",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: +3\r\n\r\nabc",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A : b\r\n\r\n",
        b"\x16\x03\x01\x00\xa5\x01\x00\x00",
        b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"CONNECT example.org:443 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
def test_what_two_servers_could_read_differently_reaches_no_app(spoilt: bytes, tmp_path: Path) -> None:
    with serving(tmp_path) as (port, app), connect(port, spoilt) as client:
        assert read_all(client).startswith(b"HTTP/1.1 400 ")
        assert app.asked == []


def test_a_header_with_an_underscore_poses_as_none(tmp_path: Path) -> None:
    with serving(tmp_path) as (port, _app):
        said = get(port, "/", "X_Forwarded_For: 192.0.2.1", "Cookie: a=1", "Cookie: b=2")[1].split(b"\n")
    assert said[2:4] == [b"-", b"a=1; b=2"]


def test_a_path_is_bytes_as_the_client_sent_them(tmp_path: Path) -> None:
    with serving(tmp_path) as (port, _app):
        assert get(port, "/caf%C3%A9%FF")[1].split(b"\n")[4] == b"/caf\xc3\xa9\xff"


def test_an_app_that_breaks_is_told_from_one_that_answers(tmp_path: Path) -> None:
    with serving(tmp_path) as (port, _app):
        assert get(port, "/broken")[0] == 500
        with connect(port, b"GET /half HTTP/1.1\r\nHost: localhost\r\n\r\n") as client:
            assert not read_all(client).endswith(b"0\r\n\r\n")  # the end of a whole answer
        assert get(port)[0] == 200
