"""How a study's work is kept in its folder while it runs, and how it stops when it is asked to."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sim.doors.cli.terminal import note
from sim.ground.faults import CannotWriteError, HaltedError, InputError, StoppedError, UnfinishedError

if TYPE_CHECKING:
    from sim.ground.scenario import Scenario
    from sim.ground.store import Store
    from sim.study.units import Means, Runner

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_MOST_ENDS: Final = 16


@dataclass(frozen=True)
class Asked:
    """What a run or a sweep is asked.

    Attributes
    ----------
    scenario : Scenario
        As it was stated.
    vary : dict, optional
        Of a sweep: keys and their values.
    replications : int, optional
        None where they are added until results are precise.
    engine : str
        Who serves.
    """

    scenario: "Scenario"
    vary: dict[str, Any] | None
    replications: int | None
    engine: str

    @property
    def what(self) -> str:
        """Name the units of work, for people."""
        return "blocks of replications" if self.vary is None else "cells"


def claimed(out: Path | None, scenario: "Scenario", vary: dict[str, Any] | None = None) -> None:
    """Refuse at once, before anything slow is imported, a folder that cannot be written or holds something else."""
    if out is not None:
        from sim.ground.files import output_folder
        from sim.ground.manifest import claim_finished

        claim_finished(output_folder(out), scenario, vary)


@contextmanager
def keeping(
    out: Path | None, asked: Asked, seed: int | None, runner: "Runner | None" = None
) -> "Iterator[tuple[Means, int | None]]":
    """Open the folder of a run or a sweep, so that what is done is kept and what is there is not done again.

    Parameters
    ----------
    out : Path, optional
        The folder; without one nothing is kept.
    asked : Asked
        What is asked.
    seed : int, optional
        The one given; else the scenario's, else the one that was drawn for this folder, else one is drawn.
    runner : Runner, optional
        Who does the work, in place of threads of this process.

    Yields
    ------
    tuple of Means and int
        By what means units are done, and the seed.
    """
    from sim.study.units import NO_MEANS, Means

    if out is None:
        yield (NO_MEANS if runner is None else Means(runner=runner, what=asked.what)), seed
        return
    with _held(out, asked) as store:
        chosen, ends = _described(store, out, asked, seed)
        try:
            yield Means(store, runner, watching, note, asked.what, ends), chosen
        except (StoppedError, UnfinishedError) as early:
            early.where = str(out)
            raise
        except CannotWriteError as full:
            raise CannotWriteError(str(full), f"{len(store)} {asked.what} are kept, the same command goes on") from None
        except HaltedError as gone:
            raise HaltedError(f"{gone}; {len(store)} {asked.what} are kept, the same command goes on") from None


def tidied(means: "Means") -> None:
    """Forget what a study that is done does not rest on: other seeds, other versions of the program."""
    if means.store is not None:
        means.store.tidy()


def _held(out: Path, asked: Asked) -> "Store":
    """Open the store of a folder that can be written and holds nothing else."""
    from sim.ground.files import output_folder
    from sim.ground.manifest import hold

    return hold(output_folder(out), asked.scenario, asked.vary, note)


def _described(store: "Store", out: Path, asked: Asked, seed: int | None) -> tuple[int, tuple[int, ...]]:
    """Record what is asked, a drawn seed too; give the seed, and where earlier runs of this folder ended."""
    from sim.ground.files import made_by
    from sim.ground.manifest import question
    from sim.ground.scenario import resolved_yaml
    from sim.study import draw_seed

    scenario, before = asked.scenario, store.about
    known = (seed, scenario.seed, before.get("seed"))
    chosen = next((int(each) for each in known if each is not None), None)
    chosen = draw_seed() if chosen is None else chosen
    if before.get("seed", chosen) != chosen:
        note(f"{out}: what is there has seed {before['seed']}; it gives way to the results of seed {chosen}")
    ends = [end for end in before.get("ends", []) if end != asked.replications][1 - _MOST_ENDS :]
    if asked.replications is not None:
        ends.append(asked.replications)
    about = {
        "question": question(scenario, asked.vary),
        "seed": chosen,
        "replications": asked.replications,
        "engine": asked.engine,
        "made_by": made_by(),
        "scenario": resolved_yaml(scenario, asked.vary),
        "folder": os.path.relpath(scenario.folder, out),
        "ends": ends,
    }
    try:
        store.describe(about)
    except CannotWriteError as full:
        raise InputError.one("--out", str(full)) from None
    return chosen, tuple(ends)


@contextmanager
def watching() -> Iterator[Callable[[], bool]]:
    """Let an interrupt, or a request to end, stop the work after what is under way; a second one ends it at once."""
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    asked: list[int] = []

    def ask(number: int, _: object) -> None:
        """Note the first; a text is written past Python's buffers, which may be in use at this very moment."""
        if asked:
            os._exit(128 + number)
        asked.append(number)
        os.write(2, b"\nstopping after what is under way; once more stops at once\n")

    before = {each: signal.getsignal(each) for each in SIGNALS}
    for each in SIGNALS:
        if before[each] is not signal.SIG_IGN:  # a shell's background job ignores interrupts
            signal.signal(each, ask)
    try:
        yield lambda: bool(asked)
    except StoppedError as stopped:
        stopped.signal = asked[0]
        raise
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
