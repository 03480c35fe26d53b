"""Who may ask the live page, and what every answer carries. Not here: sockets, routes, numbers.

The page computes with the user's own files, so other sites that the browser has open must neither read it nor make it
work: names that were rebound to this machine fail the check of ``Host``, scripts of other sites that of ``Origin`` and
``Sec-Fetch-Site``, frames and injected scripts the content security policy.
"""

import hmac
import ipaddress
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Final

from sim.doors import called
from sim.ground.faults import InputError

HERE: Final = {"127.0.0.1": "127.0.0.1", "localhost": "127.0.0.1", "::1": "::1"}
"""Names of this machine for itself, and the address each is bound to."""

MOST_ADDRESS: Final = 8192
"""Letters of a request line: a hundred sliders need a quarter of it."""
MOST_HEADERS: Final = 32768
"""Bytes of all headers together."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{16,200}")
_DIGITS: Final = re.compile(r"[0-9]+")
_OWN_SITES: Final = {"same-origin", "none"}

GUARDS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
"""The headers that go with every answer, refusals too."""


@dataclass(frozen=True)
class Refusal:
    """Why a request is not served: the status of HTTP and a line for the person who reads it."""

    status: int
    text: str


@dataclass(frozen=True)
class Access:
    """The rules of one server.

    Attributes
    ----------
    host : str
        The address it is bound to.
    port : int
        Its port.
    token : str or None
        What every request must show, in the address once or in a cookie from then on.
    """

    host: str
    port: int
    token: str | None = None

    @property
    def cookie(self) -> str:
        """Name the cookie; cookies do not tell ports apart, so its name does."""
        return f"fleetecon_{self.port}"

    def refusal(self, method: str, headers: Mapping[str, list[str]], given: str | None) -> Refusal | None:
        """Judge a request by its headers (names in small letters) and the token in its address; None: it is served."""
        if method not in {"GET", "HEAD"}:
            return Refusal(405, "only GET and HEAD are served here")
        if headers.get("transfer-encoding") or any(size.strip() != "0" for size in headers.get("content-length", [])):
            return Refusal(413, "a request here has no body")
        if not self._knows(headers.get("host", [])):
            return Refusal(421, f"this server answers to its own name only; open {self.address()}")
        return self._foreign(headers) or self._without_token(headers, given)

    def _knows(self, hosts: list[str]) -> bool:
        """Tell whether a request names this server as its own host: a name rebound to this machine does not."""
        if len(hosts) != 1:
            return False
        name, _, port = hosts[0].strip().lower().rpartition(":")
        if not _DIGITS.fullmatch(port):
            name, port = hosts[0].strip().lower(), "80"
        if int(port[:6]) != self.port:
            return False
        bare = name.removeprefix("[").removesuffix("]")
        return bare in HERE or (self.host not in HERE.values() and self._is_machine(bare))

    def _is_machine(self, name: str) -> bool:
        """Tell whether a name may be this machine's seen from outside: an address, or what it calls itself."""
        try:
            ipaddress.ip_address(name)
            return True
        except ValueError:
            own = socket.gethostname().lower()
            return name in {own, own.partition(".")[0], self.host.lower()}

    def _foreign(self, headers: Mapping[str, list[str]]) -> Refusal | None:
        """Refuse what another site sent, a followed link included."""
        sites = headers.get("sec-fetch-site", [])
        host = headers["host"][0].strip().lower()
        origins = [origin.strip().lower() for origin in headers.get("origin", [])]
        if set(sites) <= _OWN_SITES and set(origins) <= {f"http://{host}"}:
            return None
        return Refusal(403, "asked by another site; type the address into the browser's address bar instead")

    def _without_token(self, headers: Mapping[str, list[str]], given: str | None) -> Refusal | None:
        """Refuse who shows no token, or a wrong one."""
        if self.token is None or self.shown(given) or self.shown(self._kept(headers)):
            return None
        return Refusal(403, f"needs the token: open the address that `{called()} live` printed")

    def _kept(self, headers: Mapping[str, list[str]]) -> str | None:
        """Find the token in the cookie."""
        try:
            cookies = SimpleCookie("; ".join(headers.get("cookie", [])))
        except CookieError:
            return None
        return cookies[self.cookie].value if self.cookie in cookies else None

    def shown(self, given: str | None) -> bool:
        """Compare what was given with the token, in the same time wherever they differ."""
        if self.token is None or given is None:
            return False
        return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), self.token.encode())

    def set_cookie(self) -> str:
        """Give the header that lets the browser show the token from now on."""
        return f"{self.cookie}={self.token}; Path=/; HttpOnly; SameSite=Strict"

    def address(self) -> str:
        """Give the address of the page, without the token."""
        name = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(self.host, self.host)  # noqa: S104
        return f"http://{f'[{name}]' if ':' in name else name}:{self.port}/"


def judged(host: str, token: str | None) -> str:
    """Find the address to bind to.

    Raises
    ------
    InputError
        For an address that others can reach, without a token that was chosen for it; for a token that is easy to guess.
    """
    if token is not None and not _TOKEN.fullmatch(token):
        raise InputError.one("--token", "must be 16 to 200 letters, digits, - or _, so that nobody guesses it")
    bound = HERE.get(host.strip("[]").lower(), host.strip("[]"))
    if bound not in HERE.values() and token is None:
        raise InputError.one(
            "--host",
            f"must be 127.0.0.1, ::1 or localhost, got {host!r}; to let others in, give a --token of your own with it",
        )
    return bound
