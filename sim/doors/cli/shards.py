"""For batch schedulers: each job does a share of a study into a folder of its own, ``merge`` puts them together."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sim.doors import called
from sim.doors.cli.app import app
from sim.doors.cli.clusters import runner_of
from sim.doors.cli.keeping import Asked, keeping, tidied
from sim.doors.cli.options import FORMATS, Format, choice
from sim.doors.cli.output import Progress, say
from sim.doors.cli.studies import show_run, show_sweep, write_run, write_sweep
from sim.doors.cli.terminal import note
from sim.ground.faults import InputError

if TYPE_CHECKING:
    from sim.ground.scenario import Scenario
    from sim.ground.store import Store
    from sim.study.units import Means, Unit

_MOST_SHARES, _NAMED = 10_000, 10

Shard = Annotated[
    str | None,
    typer.Option("--shard", help="Do only the i-th of n shares of the work into --out; see merge.", metavar="i/n"),
]


def share(text: str, out: Path | None, scenario: "Scenario", seed: int | None) -> tuple[int, int]:
    """Read which share of the work is asked for, and refuse it where it could not be put together with the others."""
    number, sign, total = text.partition("/")
    digits = all(part.isascii() and part.isdecimal() and len(part) < 9 for part in (number, total))
    if not sign or not digits or not 1 <= int(number) <= int(total) <= _MOST_SHARES:
        raise InputError.one("--shard", f"must be i/n with 1 <= i <= n <= {_MOST_SHARES}, such as 1/4, got {text!r}")
    if out is None:
        raise InputError.one("--shard", "must come with --out, a folder for each share")
    if seed is None and scenario.seed is None:
        raise InputError.one("--shard", "must come with --seed where the scenario states none: all shares have one")
    return int(number), int(total)


def do_share(
    text: str, out: Path | None, asked: Asked, seed: int | None, jobs: int, cluster: str | None = None
) -> None:
    """Do a share of the work, and keep it."""
    part = share(text, out, asked.scenario, seed)
    from sim.study.threads import Threads
    from sim.study.units import InPieces, all_done, share_of

    progress = Progress(asked.what)
    with runner_of(cluster) as runner, keeping(out, asked, seed, runner) as (means, chosen):
        units = units_of(asked, chosen)
        mine = share_of(units, part)
        if asked.vary is None:
            all_done(mine, InPieces(jobs, progress), means)
        else:
            all_done(mine, Threads(jobs), means, progress)
        tidied(means)
    if not mine:
        note(f"share {part[0]} has nothing to do: there are no more {asked.what} than {len(units)}; make fewer shares")
    done = f"share {part[0]} of {part[1]}: {len(mine)} of {len(units)} {asked.what} are in {out}"
    say(f"{done}; `{called()} merge OUT {out} ..` puts all shares together")


def units_of(asked: Asked, seed: int | None) -> "list[Unit]":
    """Make ready what a study consists of."""
    from sim.study.grid import units_of as cells
    from sim.study.study import units_of as blocks

    replications = asked.replications or 1
    if asked.vary is None:
        return blocks(asked.scenario, replications, seed, asked.engine)
    return [unit for _, unit in cells(asked.scenario, asked.vary, replications, seed, asked.engine)]


@app.command()
def merge(
    out: Annotated[Path, typer.Argument(help="Folder to write the whole study into.", metavar="OUT")],
    shards: Annotated[list[Path], typer.Argument(help="Folders of the shares.", metavar="SHARD...")],
    format_: Format = "text",
) -> None:
    """Put the shares of a run or a sweep (--shard) together.

    The folder then holds the same files as if it had been done in one go.
    """
    choice("--format", format_, FORMATS)
    from sim import study

    with ExitStack() as stack:
        stores = [stack.enter_context(_shard(folder)) for folder in dict.fromkeys(shards) if folder != out]
        asked, seed = _one_question(stores)
        means, _ = stack.enter_context(keeping(out, asked, seed))
        for store in stores:
            if means.store is not None:
                means.store.take(store)
        _refuse_missing(out, means, units_of(asked, seed), asked.what)
        how = asked.replications or 1, seed
        if asked.vary is None:
            found = study.run(asked.scenario, *how, engine=asked.engine, means=means)
            write_run(found, asked.scenario, out, means)
        else:
            grid = study.sweep(asked.scenario, asked.vary, *how, engine=asked.engine, means=means)
            write_sweep(grid, asked.scenario, out, means)
    if asked.vary is None:
        show_run(found, format_)
    else:
        show_sweep(grid, format_)


def _shard(folder: Path) -> "Store":
    """Open the folder of a share."""
    from sim.ground.store import FILE, Store

    if not (folder / FILE).is_file():
        raise InputError.one(str(folder), f"holds no {FILE}; it must be a folder that a share of the work was kept in")
    return Store(folder, note)


def _one_question(stores: "list[Store]") -> tuple[Asked, int]:
    """Read what the shares were asked, which must be one question with one seed, by one version of the program."""
    from sim.ground.files import made_by
    from sim.ground.manifest import question
    from sim.ground.scenario import build
    from sim.ground.scenario.tree import read_text

    if not stores:
        raise InputError.one("SHARD", "must be the folder of a share other than OUT")
    told = [store.about for store in stores]
    parts = ("question", "seed", "replications", "engine", "made_by")
    for store, about in zip(stores, told, strict=True):
        where = str(store.file.parent)
        if not about or about["replications"] is None:
            raise InputError.one(where, "does not tell what it is a share of; run that share again")
        if about["made_by"] != made_by():
            raise InputError.one(where, "was computed by another version of the program; run that share again")
        if unlike := [part for part in parts if about[part] != told[0][part]]:
            text = f"is not a share of the same study as {stores[0].file.parent}: another {' and '.join(unlike)}"
            raise InputError.one(where, text)
    about, folder = told[0], stores[0].file.parent
    scenario = build(read_text(about["scenario"], str(folder)), folder / about["folder"])
    vary = about["question"]["vary"]
    if question(scenario, vary) != about["question"]:
        raise InputError.one(str(folder), f"the files that its scenario reads, in {scenario.folder}, have changed")
    return Asked(scenario, vary, about["replications"], about["engine"]), about["seed"]


def _refuse_missing(out: Path, means: "Means", units: "list[Unit]", what: str) -> None:
    """Name what no share has done."""
    missing = [unit.name for unit in units if means.store is not None and unit.key not in means.store]
    if missing:
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        text = f"{len(missing)} of {len(units)} {what} are missing: {'; '.join(missing[:_NAMED])}{more}"
        raise InputError.one(str(out), f"{text}; what there is, is kept: merge again with the shares that have them")
