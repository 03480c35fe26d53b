"""A Dask cluster on this machine for tests: a scheduler and workers as processes of their own, all ended after use."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
_CONFIG = {
    "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1",  # so that a killer is known after two deaths
    "DASK_DISTRIBUTED__ADMIN__LOG_LENGTH": "0",
    "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}",
    "PYTHONWARNINGS": "ignore",
}


@contextlib.contextmanager
def started(folder, *arguments):
    """Run Dask's own command line in a group of processes of its own; none of them is left."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("DASK_")} | _CONFIG
    with open(folder / "log.txt", "ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *map(str, arguments)],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextlib.contextmanager
def scheduler(folder):
    """A scheduler without workers; gives its process and its file."""
    file = folder / "scheduler.json"
    where = ("--host", "127.0.0.1", "--port", "0", "--scheduler-file", file, "--no-dashboard")
    with started(folder, "scheduler", *where) as process:
        until = time.monotonic() + 60
        while not _whole(file):
            assert process.poll() is None, (folder / "log.txt").read_text()
            assert time.monotonic() < until
            time.sleep(0.05)
        yield process, file


def workers(folder, file, count=2):
    """Workers of a thread each, that are begun anew when they die."""
    how = ("--nworkers", count, "--nthreads", "1", "--no-dashboard", "--death-timeout", "60")
    return started(folder, "worker", "--scheduler-file", file, *how, "--local-directory", folder)


def _whole(file):
    try:
        return "address" in json.loads(file.read_text())
    except (OSError, ValueError):
        return False
