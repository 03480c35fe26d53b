"""The command about the live page."""

import os
import sys
import threading
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn
from urllib.parse import urlencode

import typer

from sim.doors.cli.app import app, leave_at_once
from sim.doors.cli.options import whole
from sim.doors.cli.output import say

if TYPE_CHECKING:
    from sim.doors.live.server import LiveServer

_OPENS_WITH = "article"


@app.command()
def live(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Scenario files (YAML); the shipped scenarios are offered beside them.", metavar="FILE"),
    ] = None,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; any other than this machine's own needs --token.")
    ] = "127.0.0.1",
    port: Annotated[
        str | None, typer.Option("--port", help="Port to listen on.", metavar="N", show_default="8765, or a free one")
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            "--token", help="What every request must show: 16 to 200 letters, digits, - or _.", metavar="TEXT"
        ),
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Open no browser; print the address only.")] = False,
) -> None:
    """Open a page whose sliders move a scenario, and its answer.

    The page is served from this machine to this machine, asks nothing of any other, and ends with Ctrl-C. A file that
    changes on disk is read anew when the page is loaded again. With --host 0.0.0.0 --token=TEXT others on the network
    can open it too, by the address with the token in it; what they send and get is not encrypted.
    """
    from sim.doors.live.access import judged

    bound = judged(host, token)
    number = None if port is None else whole("--port", port, 0, 65535)
    server = _server(files or [], bound, number, token)
    _serve(server, token, opened=not no_browser)


def _server(files: list[Path], host: str, port: int | None, token: str | None) -> "LiveServer":
    """Read the files and begin to listen."""
    from sim.doors.live.engine import RealEngine
    from sim.doors.live.routes import Routes
    from sim.doors.live.server import LiveServer
    from sim.doors.live.shelf import Shelf

    engine = RealEngine()
    shelf = Shelf(files, engine.look)
    first = shelf.titles()[0].name if files else _OPENS_WITH
    return LiveServer(host, port, token, Routes(shelf, engine, first), _complain)


def _serve(server: "LiveServer", token: str | None, opened: bool) -> NoReturn:
    """Serve until Ctrl-C, then end at once: threads inside a kernel would hear nothing for long."""
    address = server.access.address() + (f"?{urlencode({'token': token})}" if token else "")
    status = 0
    try:
        say(f"fleetecon live: {address}  (Ctrl-C ends it)")
        threading.Thread(target=server.routes.warm, daemon=True).start()
        if opened and _has_screen():
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        server.serve_forever()
    except (KeyboardInterrupt, SystemExit) as asked:
        status = int(getattr(asked, "code", 0) or 0)
    sys.stderr.write("\nended\n")
    leave_at_once(status)


def _has_screen() -> bool:
    """Tell whether a browser has somewhere to appear; without one a text browser would take the terminal."""
    return sys.platform in {"darwin", "win32"} or bool({"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ))


def _complain(text: str) -> None:
    """Show an error of our own on the terminal."""
    sys.stderr.write(text)
    sys.stderr.flush()
