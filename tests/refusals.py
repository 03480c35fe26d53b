"""How a test runs the command line, and what a refusal must be: one line a fault, no traceback."""

import contextlib
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

import pytest

from sim.doors.cli import main
from sim.ground.faults import InputError
from sim.ground.scenario import load

ROOT = Path(__file__).parents[1]


def cli(*arguments, cwd=None, **environment) -> subprocess.CompletedProcess:
    """Run the command line in a process of its own."""
    own = {key: value for key, value in os.environ.items() if key not in {"COLUMNS", "TERM"}}
    return subprocess.run(
        [sys.executable, "-m", "sim", *map(str, arguments)],
        cwd=cwd,
        env=own | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def flat(text: str) -> str:
    """A text on one line, wherever its lines were wrapped."""
    return " ".join(text.split())


def here(*arguments, cwd=ROOT) -> tuple[int, str, str]:
    """Run the command line in this process (a tenth of the time): exit status, stdout and stderr."""
    out, err = io.StringIO(), io.StringIO()
    argv = ["fleetecon", *map(str, arguments)]
    with (
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.object(sys, "argv", argv),
        pytest.raises(SystemExit) as left,
    ):
        main()
    return int(left.value.code or 0), out.getvalue(), err.getvalue()


def refused(*arguments, cwd=ROOT, lines: int | None = 1) -> str:
    """Run the command line, which must refuse: exit 2, nothing on stdout, so many lines on stderr, no traceback."""
    status, out, err = here(*arguments, cwd=cwd)
    assert (status, out) == (2, "")
    assert "Traceback" not in err
    if lines is not None:
        assert len(err.splitlines()) == lines, err
    return err


def faults(text: str | bytes, tmp_path, settings: dict | None = None) -> list[str]:
    """The refusals of a scenario file, without the folder it lies in."""
    (tmp_path / "f.yaml").write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(InputError) as error:
        load(tmp_path / "f.yaml", settings)
    return [str(fault).replace(f"{tmp_path}{os.sep}", "") for fault in error.value.faults]


def interrupted(*arguments: object) -> tuple[int, str, str]:
    """Run the command line in a process of its own, and interrupt it at work: exit status, stdout and stderr."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sim", *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
    )
    try:
        time.sleep(5)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    return process.returncode, out, err
