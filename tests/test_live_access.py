"""Who may ask the live page, what every answer carries, what is refused."""

import json
import re

import pytest
from live_requests import TOKEN, ask, raw, status, why
from live_world import serving
from refusals import refused

from sim.doors.live.access import MOST_ADDRESS, MOST_HEADERS, judged
from sim.ground.faults import InputError

PAGES = ("/", "/live.js", "/chart.js", "/live.css", "/api/scenarios", "/nothing", "/api/answer?paths=x")


@pytest.fixture(scope="module")
def server():
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def guarded():
    with serving(token=TOKEN) as running:
        yield running


@pytest.mark.parametrize("path", PAGES)
def test_every_answer_carries_the_guards(server, path):
    response = ask(server, path)
    csp = response.headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"} < set(csp)
    assert "img-src 'self' data:" in csp
    assert "frame-ancestors 'none'" in csp
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert "Access-Control-Allow-Origin" not in response.headers
    assert "Server" not in response.headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "get"])
def test_only_get_and_head_are_served(server, method):
    response = ask(server, "/", method)
    assert response.status == 405
    assert response.headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize("host", ["127.0.0.1:{}", "localhost:{}", "LOCALHOST:{}", "[::1]:{}"])
def test_names_of_this_machine_are_served(server, host):
    assert status(server, Host=host.format(server.access.port)) == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:{}",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.0.0.1.evil.example:{}",
        "localhost.:{}",
        "",
        "x@127.0.0.1:{}",
        "0.0.0.0:{}",
        "192.168.0.7:{}",
        "127.0.0.1:٨",
    ],
)
def test_a_name_rebound_to_this_machine_is_refused(server, host):
    response = ask(server, "/api/scenarios", Host=host.format(server.access.port).encode())
    assert response.status == 421
    assert f"http://127.0.0.1:{server.access.port}/" in why(response)


def test_a_port_of_superscript_digits_is_refused_and_no_fault_of_ours(server):
    said = raw(server, "GET / HTTP/1.1\r\nHost: 127.0.0.1:²\r\n\r\n".encode("latin-1"))
    assert b" 421 " in said
    assert server.said == []


def test_no_host_and_two_hosts_are_refused(server):
    own = f"Host: 127.0.0.1:{server.access.port}\r\n".encode()
    assert b" 421 " in raw(server, b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert b" 421 " in raw(server, b"GET / HTTP/1.1\r\n" + own + own + b"Connection: close\r\n\r\n")
    assert b" 200 " in raw(server, b"GET / HTTP/1.1\r\n" + own + b"Connection: close\r\n\r\n")


@pytest.mark.parametrize("site", ["cross-site", "same-site", "nonsense"])
def test_other_sites_are_refused(server, site):
    response = ask(server, "/api/scenarios", Sec_Fetch_Site=site)
    assert response.status == 403
    assert "another site" in why(response)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1:{}", "http://127.0.0.1:1", ""])
def test_other_origins_are_refused(server, origin):
    assert status(server, "/", Origin=origin.format(server.access.port)) == 403


def test_its_own_requests_are_served(server):
    own = f"http://127.0.0.1:{server.access.port}"
    for site in ("same-origin", "none"):
        assert status(server, "/api/scenarios", Origin=own, Sec_Fetch_Site=site) == 200


@pytest.mark.parametrize(
    "path",
    [
        "/../sim/doors/live/server.py",
        "/%2e%2e/pyproject.toml",
        "/..%2flive.js",
        "/live.js/",
        "/./live.js",
        "/page/index.html",
        "/live.js%00",
        "/etc/passwd",
        "http://127.0.0.1/",
        "*",
    ],
)
def test_only_fixed_addresses_stand_for_something(server, path):
    response = ask(server, path)
    assert response.status in {400, 404}
    assert set(json.loads(response.text)) == {"error"}


def test_what_is_too_large_is_refused(server):
    port = server.access.port
    host = f"Host: 127.0.0.1:{port}\r\n".encode()
    assert b" 414 " in raw(server, b"GET /?" + b"a" * MOST_ADDRESS + b" HTTP/1.1\r\n" + host + b"\r\n")
    assert b" 431 " in raw(server, b"GET / HTTP/1.1\r\n" + host + b"X: " + b"a" * (MOST_HEADERS + MOST_ADDRESS))
    many = b"".join(b"X%d: a\r\n" % k for k in range(200))
    assert b" 431 " in raw(server, b"GET / HTTP/1.1\r\n" + host + many + b"\r\n")
    for body in (b"Content-Length: 5\r\n\r\nhello", b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"):
        assert b" 413 " in raw(server, b"GET / HTTP/1.1\r\n" + host + body)


@pytest.mark.parametrize("data", [b"\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\r\n", b"GET / HTTP/9.9\r\n\r\n"])
def test_what_is_no_http_is_refused_and_the_server_goes_on(server, data):
    answered = raw(server, data)
    assert answered == b"" or re.match(rb"HTTP/1.1 (400|505) ", answered)
    assert status(server) == 200
    assert not server.said


def test_the_token_is_asked_of_every_request(guarded):
    for path in PAGES:
        response = ask(guarded, path)
        assert response.status == 403
        assert TOKEN not in response.text
    assert status(guarded, "/?token=") == 403
    assert status(guarded, f"/?token={TOKEN}x") == 403
    assert status(guarded, f"/?token={TOKEN[:-1]}") == 403
    assert status(guarded, "/?token=%ff%00") == 403
    assert status(guarded, f"/api/scenarios?token={TOKEN}") == 200


def test_the_token_leaves_the_address_for_a_cookie(guarded):
    response = ask(guarded, f"/?scenario=article&token={TOKEN}&tuning_rate=8")
    assert response.status == 303
    assert response.headers["Location"] == "/?scenario=article&tuning_rate=8"
    cookie, *rules = response.headers["Set-Cookie"].split("; ")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} == set(rules)
    assert status(guarded, "/api/scenarios", Cookie=cookie) == 200
    assert status(guarded, "/api/scenarios", Cookie=f"other=1; {cookie}") == 200
    assert status(guarded, "/api/scenarios", Cookie=f"{cookie}x") == 403
    assert status(guarded, "/api/scenarios", Cookie=cookie, Sec_Fetch_Site="cross-site") == 403


def test_a_token_in_the_address_is_taken_out_where_none_is_asked(server):
    response = ask(server, "/?token=whatever")
    assert (response.status, response.headers["Location"]) == (303, "/")
    assert "Set-Cookie" not in response.headers


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])  # noqa: S104
def test_other_machines_are_let_in_with_a_token_only(host):
    with pytest.raises(InputError, match="--token"):
        judged(host, None)
    assert judged(host, TOKEN) == host


@pytest.mark.parametrize(("host", "bound"), [("localhost", "127.0.0.1"), ("127.0.0.1", "127.0.0.1"), ("[::1]", "::1")])
def test_this_machine_needs_no_token(host, bound):
    assert judged(host, None) == bound


@pytest.mark.parametrize("token", ["", "short", "a" * 201, "spaces are not allowed", "semi;colon;semi;colon"])
def test_a_token_that_is_easy_to_guess_is_refused(token):
    assert "16 to 200" in refused("live", "--no-browser", "--token", token)
