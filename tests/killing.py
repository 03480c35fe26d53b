"""A process whose copies run the command line and are killed, truly, at any step that makes something lasting.

Run by tests as a program of its own, single-threaded, so that it can be copied; each copy starts where it is: with
everything imported and compiled. It reads one question a line and answers one a line, both as JSON.
"""

import contextlib
import itertools
import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path


def steps(at: int | None, sign: int, times: int) -> "itertools.count[int]":
    """Count the steps by which anything becomes lasting; at one of them send this process a signal."""
    from sim.ground import files, store

    seen = itertools.count()

    def step() -> None:
        if next(seen) == at:
            for _ in range(times):
                os.kill(os.getpid(), sign)

    def stepwise(function):
        def stepping(*arguments, **named):
            step()
            found = function(*arguments, **named)
            step()
            return found

        return stepping

    write = store._transaction

    @contextlib.contextmanager
    def transaction(base):
        step()
        with write(base):
            yield
            step()
        step()

    store._transaction = transaction
    store.Store.close = stepwise(store.Store.close)
    store.Store._unlock = stepwise(store.Store._unlock)
    store._taken = stepwise(store._taken)
    files.os = type("os", (), dict(vars(os)))
    files.os.replace = staticmethod(stepwise(os.replace))
    files.os.fsync = staticmethod(stepwise(os.fsync))
    return seen


def counted(log: str, broken: str | None) -> None:
    """Note each unit of work that is done; let one fail."""
    from sim.study import units

    work = units.Unit.told

    def told(unit, outcomes):
        if broken is not None and broken in unit.name:
            raise {"memory": MemoryError}.get(os.environ.get("BREAKS", ""), RuntimeError)("broken on purpose")
        with open(log, "a") as file:
            file.write(f"{unit.name}\n")
        return work(unit, outcomes)

    units.Unit.told = told


def become(arguments, log, errors, ask) -> None:
    """Run the command line in this process, which is a copy, and end it."""
    from sim.doors.cli import main

    out = os.open(f"{errors}.out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    err = os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(out, 1)
    os.dup2(err, 2)
    status = 70
    try:
        if ask.get("block"):
            from sim.study import units

            units._EFFORT_A_BLOCK = ask["block"]
        counted(log, ask.get("broken"))
        seen = steps(ask.get("at"), getattr(signal, ask.get("signal", "SIGKILL")), ask.get("times", 1))
        sys.argv = ["fleetecon", *arguments]
        try:
            main()
        except SystemExit as ended:
            status = int(ended.code or 0)
        sys.stderr.flush()
        Path(f"{log}.steps").write_text(str(next(seen)))
    finally:
        os._exit(status)


def copied(ask: dict) -> dict:
    """Run a copy to its end, or until it is killed."""
    with tempfile.TemporaryDirectory() as folder:
        log, errors = f"{folder}/log", f"{folder}/err"
        begun = time.monotonic()
        child = os.fork()
        if child == 0:
            become(ask["arguments"], log, errors, ask)
        if "after" in ask:
            time.sleep(ask["after"])
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        seconds = time.monotonic() - begun
        done = Path(log).read_text().splitlines() if Path(log).exists() else []
        seen = Path(f"{log}.steps")
        return {
            "status": os.waitstatus_to_exitcode(status),
            "stderr": Path(errors).read_text() if Path(errors).exists() else "",
            "stdout": Path(f"{errors}.out").read_text() if Path(f"{errors}.out").exists() else "",
            "done": done,
            "seconds": seconds,
            "steps": int(seen.read_text()) if seen.exists() else None,
        }


def warm(arguments: list[str]) -> None:
    """Run a command line in this process, so that all that copies need is imported and compiled."""
    from sim.doors.cli import main

    sys.argv = ["fleetecon", *arguments]
    with (
        open(os.devnull, "w") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
        contextlib.suppress(SystemExit),
    ):
        main()


def drawn_quickly() -> None:
    """Write a word in place of a picture: it takes a second to draw one, and it is the writing that counts here."""
    from sim.ground.files import write
    from sim.questions import charts

    charts.cost_distribution = str
    charts.save = lambda figure, out, name: write(out / f"{name}.svg", "picture")


if __name__ == "__main__":
    drawn_quickly()
    for line in sys.stdin:
        ask = json.loads(line)
        if "warm" in ask:
            warm(ask["warm"])
            answer = {}
        elif "shell" in ask:
            answer = {"status": os.system(ask["shell"])}  # noqa: S605 - a test's own command
        else:
            answer = copied(ask)
        print(json.dumps(answer), flush=True)
