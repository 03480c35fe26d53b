"""The first call: a run that must compile the kernels first, against the same run with them on disk."""

import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

from speed.processes import alone, sim_run
from speed.rounds import Elapsed, Rows, elapsed, page, spelled, value
from speed.work import Tell, Work

HEAD = ["a process of its own", "wall, s", "processor, s", "x warm", "least", "most"]
WORDS = {
    "first": "the folder of compiled kernels is empty, as after an installation",
    "warm": "the same command again, kernels from that folder; two replications, so nearly all is the program's start",
    "x warm": "processor time over that of the warm run of the same round: median, least, most",
}


def measure(work: Work, tell: Tell) -> dict[str, Any]:
    """Time runs of two replications."""
    commands = {name: sim_run(file, "--reps", "2") for name, file in work.files().items()}
    return {"first_call": compared(commands, work.first_rounds, tell)}


def compared(commands: Mapping[str, Sequence[str]], count: int, tell: Tell) -> dict[str, Rows]:
    """Run each command twice a round, with a new folder for the kernels: it is empty, then it is not."""
    rounds: dict[str, list[dict[str, Elapsed]]] = {name: [] for name in commands}
    for k in range(count):
        for place, (name, command) in enumerate(commands.items()):
            with tempfile.TemporaryDirectory() as folder:
                kept = {"NUMBA_CACHE_DIR": folder}
                rounds[name].append({each: alone(command, kept).elapsed for each in ("first", "warm")})
            tell(k * len(commands) + place + 1, count * len(commands))
    return {name: elapsed(each, "warm") for name, each in rounds.items()}


def text(told: dict[str, Any]) -> str:
    """Lay out the table."""
    rows = [
        [
            f"run {name}, {how}",
            *(f"{value(row, key):.1f}" for key in ("wall_s", "processor_s")),
            *spelled(row["processor_ratio"], 1),
        ]
        for name, pair in told["first_call"].items()
        for how, row in pair.items()
    ]
    return page("the first call: compile the kernels, then run", HEAD, rows, WORDS)
