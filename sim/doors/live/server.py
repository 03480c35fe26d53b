"""The server of the live page: HTTP by the standard library. Not here: who may ask (`access`), what is answered.

Measured against bottle, starlette with uvicorn, and aiohttp: a 20 KB answer takes 1 ms longer at the median than by the
fastest of them, its import a third of the time, and nothing has to be installed. Two settings matter: connections that
stay open, and each answer in one write without Nagle's delay, without which it takes 44 ms.
"""

import errno
import socket
import socketserver
import threading
import traceback
from collections.abc import Callable
from http import HTTPStatus
from http.client import LineTooLong
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from typing import Any, Final, cast
from urllib.parse import parse_qsl, urlencode

from sim.doors.live.access import GUARDS, MOST_ADDRESS, MOST_HEADERS, Access
from sim.doors.live.routes import Reply, Routes
from sim.ground.faults import InputError

PORT: Final = 8765

_MOST_CONNECTIONS: Final = 64
_PATIENCE_S: Final = 120
"""Seconds a connection may be silent."""


class _Bounded:
    """Reads the head of a request, and no more of it than is allowed."""

    def __init__(self, stream: Any) -> None:
        self._stream, self.left = stream, 0

    def readline(self, most: int) -> bytes:
        line: bytes = self._stream.readline(min(most, self.left + 1))
        self.left -= len(line)
        if self.left < 0:
            raise LineTooLong("head of a request")
        return line

    def close(self) -> None:
        self._stream.close()


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = _PATIENCE_S
    server: "LiveServer"

    def setup(self) -> None:
        super().setup()
        self.head = _Bounded(self.rfile)
        self.rfile = cast(BufferedIOBase, self.head)

    def handle_one_request(self) -> None:
        """Read a request, judge it, answer it."""
        self.close_connection, self.command = True, ""
        self.head.left = MOST_ADDRESS + MOST_HEADERS
        try:
            self.raw_requestline = self.head.readline(MOST_ADDRESS + 1)
            if len(self.raw_requestline) > MOST_ADDRESS:
                self.send_error(HTTPStatus.REQUEST_URI_TOO_LONG)
            elif self.raw_requestline and self.parse_request():
                self._send(self._reply())
        except (TimeoutError, ConnectionError):
            self.close_connection = True

    def _reply(self) -> Reply:
        """Judge the request and find what it gets."""
        path, _, query = self.path.partition("?")
        given, rest = _without_token(query)
        headers = {name.lower(): self.headers.get_all(name, []) for name in self.headers}
        access = self.server.access
        if refusal := access.refusal(self.command, headers, given):
            self.close_connection = True
            allow = {"Allow": "GET, HEAD"} if refusal.status == HTTPStatus.METHOD_NOT_ALLOWED else {}
            fault = Reply.fault(refusal.status, refusal.text)
            return Reply(fault.status, fault.kind, fault.body, allow)
        if given is not None and path == "/":  # the token leaves the address, and so the browser's history
            kept = {"Set-Cookie": access.set_cookie()} if access.token else {}
            return Reply(303, "text/plain", b"", {"Location": f"/?{rest}" if rest else "/", **kept})
        try:
            return self.server.routes.reply(path, rest)
        except Exception:  # a fault of ours ends this answer and not the server; nothing is hidden
            self.server.complain(traceback.format_exc())
            return Reply.fault(500, "an error in fleetecon itself; the terminal it runs in shows where")

    def _send(self, reply: Reply) -> None:
        """Write an answer at once, with the headers that guard it."""
        headers = {"Content-Type": reply.kind, "Content-Length": str(len(reply.body)), **GUARDS, **reply.headers}
        headers["Connection"] = "close" if self.close_connection else "keep-alive"
        lines = [f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        self.wfile.write(head + (b"" if self.command == "HEAD" else reply.body))

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what is no request of HTTP; called by the standard library too."""
        self.close_connection = True
        self._send(Reply.fault(code, HTTPStatus(code).phrase))

    def log_message(self, *_: Any) -> None:
        """Log nothing: the terminal belongs to who started the server."""


def _without_token(query: str) -> tuple[str | None, str]:
    """Take the token out of an address; what cannot be read is left to be refused with the rest."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=200)
    except ValueError:
        return None, query
    given = [value for name, value in pairs if name == "token"]
    return (given[0], urlencode([pair for pair in pairs if pair[0] != "token"])) if given else (None, query)


class LiveServer(ThreadingHTTPServer):
    """A server that listens from the moment it is made.

    Parameters
    ----------
    host : str
        The address to bind to, as `access.judged` gives it.
    port : int or None
        The port; None: the usual one, or a free one where that is taken.
    token : str or None
        What requests must show.
    routes : Routes
        What is served.
    complain : callable
        Gets the text of errors that are our own.

    Raises
    ------
    InputError
        When it cannot listen there, with the way out.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(
        self, host: str, port: int | None, token: str | None, routes: Routes, complain: Callable[[str], None]
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.routes, self.complain = routes, complain
        self._free = threading.BoundedSemaphore(_MOST_CONNECTIONS)
        try:
            super().__init__((host, PORT if port is None else port), _Handler)
        except OSError as refused:
            if port is not None or refused.errno != errno.EADDRINUSE:
                raise _unbound(host, PORT if port is None else port, refused) from None
            super().__init__((host, 0), _Handler)
        self.access = Access(host, int(self.server_address[1]), token)

    def server_bind(self) -> None:
        """Bind without asking a name server who we are, as the standard library would."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """Take a connection, or close it at once where too many are open."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection and give its place back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tell what went wrong in a connection; the others go on."""
        self.complain(traceback.format_exc())


def _unbound(host: str, port: int, refused: OSError) -> InputError:
    """Say why it cannot listen, and what to do."""
    if refused.errno == errno.EADDRINUSE:
        return InputError.one("--port", f"{port} is taken by another program; leave --port out to get a free one")
    if refused.errno in {errno.EACCES, errno.EPERM}:
        return InputError.one("--port", f"{port} needs rights that you do not have; choose one above 1023")
    return InputError.one("--host", f"{host} is no address of this machine ({refused.strerror or refused})")
