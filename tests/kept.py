"""What tests of kept work share: a small study, copies of the program that may be killed, files to compare."""

import json
import os
import subprocess
import sys
from pathlib import Path

from refusals import ROOT
from worlds import ARTICLE

STORE = "study.sqlite"
RATE = "workload.tuning.arrivals.rate_per_day"
SMALL = ARTICLE.replace("365", "10")
CELLS = 6
SWEEP = ("sweep", "small.yaml", f"--vary={RATE}=1,2,4", "--vary=workload.tuning.gpus=4,8", "--reps=3", "--jobs=2")
RUN = ("run", "small.yaml", "--reps=24", "--jobs=2")
BLOCK = 700  # job-services: cuts the run above into a few blocks


class Copies:
    """A program of which copies are run, and killed."""

    def __init__(self, folder: Path, *wrapper: str) -> None:
        self.folder = folder
        (folder / "small.yaml").write_text(SMALL)
        program = [*wrapper, sys.executable, str(ROOT / "tests" / "killing.py")]
        own = {key: value for key, value in os.environ.items() if key not in {"COLUMNS", "TERM"}}
        own |= {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(program, cwd=folder, env=own, stdin=pipe, stdout=pipe, text=True)
        for question in (SWEEP, RUN):
            self._answer({"warm": [*question, "--out", f"warm_{question[0]}"]})

    def run(self, *arguments: object, **how: object) -> dict:
        """Run a copy of the command line; at, signal, times, after, block, broken: how it goes and ends."""
        return self._answer({"arguments": list(map(str, arguments)), **how})

    def shell(self, command: str) -> int:
        """Run a command where the copies run."""
        return self._answer({"shell": command})["status"]

    def _answer(self, asked: dict) -> dict:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps(asked), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        self.process.communicate()


def finals(folder: Path) -> dict[str, bytes]:
    """The files that a study is for; whatever else lies in its folder, but the store, is listed too."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name != STORE}
