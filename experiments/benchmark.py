"""How fast it is and how little it holds, a table a question, as ratios side by side in one run.

    python experiments/benchmark.py [--quick] [--only nodes,replicas] [--rounds 5] [--out outputs/benchmark]

nodes       M/M/8 by SimPy, Ciw, plain Python, drawing alone and the kernel; the whole way of fine-tunes
replicas    requests under six loads by SimPy, a plain loop, drawing alone and the kernel; the whole way of requests
memory      the peak of `run` in a process of its own, for little and much of the same work
threads     one thread, as many as there are processors, and as many processes, which is what the machine can do
dask        a sweep by two threads, and by a cluster of two workers of a thread each
first_call  `run` with the kernels to compile, and with them on disk

All contestants of a table run in each round, one after the other, on the same work where they can take it; the slow
ones on its first part. What counts is the ratio within a round. The tables go to standard output; benchmark.json, with
all of them, and a picture into the folder. It takes about 6 minutes on two processors, with --quick less than one.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from sim.doors.cli.app import guarded
from sim.doors.cli.kernels import announce
from sim.doors.cli.terminal import Progress, note, span
from sim.ground.faults import InputError, nearest
from sim.ground.files import output_folder, write
from speed import dask, first_call, memory, nodes, replicas, threads
from speed.machine import about, in_words
from speed.work import Work

NAME = "benchmark"
TABLES: dict[str, ModuleType] = {
    "nodes": nodes,
    "replicas": replicas,
    "memory": memory,
    "threads": threads,
    "dask": dask,
    "first_call": first_call,
}


def chosen(only: str) -> list[str]:
    """Read which tables are asked for; they come in their own order.

    Raises
    ------
    InputError
        When one is not known.
    """
    asked = only.split(",") if only else list(TABLES)
    if unknown := [name for name in asked if name not in TABLES]:
        raise InputError.one("--only", f"`{unknown[0]}` is no table; {nearest(unknown[0], TABLES)}")
    return [name for name in TABLES if name in asked]


def work_of(arguments: argparse.Namespace) -> Work:
    """Take the sizes that are asked for."""
    work = Work.quick() if arguments.quick else Work()
    sizes = {name: getattr(arguments, name) for name in ("rounds", "jobs", "requests", "reps")}
    stated = {name: size for name, size in sizes.items() if size is not None}
    if few := [name for name, size in stated.items() if size < 1]:
        raise InputError.one(f"--{few[0]}", f"must be at least 1, got {stated[few[0]]}")
    return replace(work, **stated)


def measured(names: list[str], work: Work) -> dict[str, Any]:
    """Measure tables, and print each as it is done."""
    told: dict[str, Any] = {"about": about()}
    for name in names:
        began = time.monotonic()
        told |= TABLES[name].measure(work, Progress(name, at_once=True))
        note(f"{name}: done in {span(time.monotonic() - began)}")
        print(f"\n{TABLES[name].text(told)}", flush=True)
    return told


def draw(told: dict[str, Any], folder: Path) -> None:
    """Draw what can be drawn."""
    from sim.questions import (
        charts,  # here, for each process that is begun reads this file: it comes without in half the time
    )
    from speed.picture import chart

    figure = chart(told)
    if figure is None:
        note("no picture: it shows nodes and replicas")
    else:
        charts.save(figure, folder, NAME)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="TABLES", help=f"some of {','.join(TABLES)}")
    parser.add_argument("--quick", action="store_true", help="little work, two rounds")
    parser.add_argument("--jobs", type=int, help="of the queue of nodes")
    parser.add_argument("--requests", type=int, help="under each load of replicas")
    parser.add_argument("--rounds", type=int, help="of nodes, replicas, threads and dask")
    parser.add_argument("--reps", type=int, help="replications of the whole way of fine-tunes")
    parser.add_argument("--out", type=Path, default=Path("outputs/benchmark"))
    arguments = parser.parse_args()
    names, work = chosen(arguments.only), work_of(arguments)
    folder = output_folder(arguments.out)
    announce()
    print(in_words(about()), flush=True)
    told = measured(names, work)
    write(folder / f"{NAME}.json", json.dumps(told, indent=1) + "\n")
    draw(told, folder)


if __name__ == "__main__":
    guarded(main)
