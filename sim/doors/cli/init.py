"""The shipped scenarios: list them with what each teaches, copy one, or begin a new one."""

import re
from pathlib import Path
from typing import Annotated

import typer

from sim.doors import called
from sim.doors.cli.app import app
from sim.doors.cli.output import say, tell
from sim.ground.faults import InputError
from sim.ground.files import lesson, shipped_scenarios, write

_STARTER = "starter"


@app.command()
def init(
    name: Annotated[
        str | None,
        typer.Argument(help="A shipped scenario to copy, or a name for a new one. Left out: they are listed."),
    ] = None,
) -> None:
    """Write NAME.yaml, a scenario to begin with.

    It is a copy of the shipped scenario NAME, or under any other name the commented starter.
    """
    if name is None:
        from sim.questions.tables import Text

        tell([Text(catalog(), "list")])
        return
    if not re.fullmatch(r"[a-z0-9_]{1,60}", name):
        raise InputError.one("NAME", f"must be a slug of a-z, 0-9 and _, at most 60 long, got {name[:80]!r}")
    target = Path(f"{name}.yaml")
    if target.exists() or target.is_symlink():
        raise InputError.one(str(target), "exists already and is kept; choose another name or move it away")
    known = shipped_scenarios().get(name)
    text = (known or shipped_scenarios()[_STARTER]).read_text(encoding="utf-8")
    try:
        write(target, re.sub(r"^name: \w+", f"name: {name}", text, count=1, flags=re.MULTILINE))
    except OSError as error:
        raise InputError.one(str(target), f"cannot be written: {error.strerror}") from None
    what = "a copy of the shipped scenario" if known else "the starter under a new name; `init` alone lists the others"
    say(f"wrote {target}: {what}\nnext: {called()} check {target}; {called()} run {target}")


def catalog() -> str:
    """List the shipped scenarios with their lessons."""
    lines = [f"Shipped scenarios; `{called()} init NAME` copies one to NAME.yaml, any other NAME begins a new one."]
    for name, file in shipped_scenarios().items():
        asks, teaches = lesson(file.read_text(encoding="utf-8"))
        lines += ["", f"{name}: {asks}"] + [f"    It teaches: {teaches}"] * bool(teaches)
    return "\n".join(lines)
