"""From a log to a fitted workload: read, sum up, fit, judge, write. Not here: any of these (the room's other files)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sim.ground.faults import InputError
from sim.ground.files import output_folder, write
from sim.ground.scenario import load
from sim.questions.charts import save
from sim.questions.demand.blocks import choose_blocks, fitted_jobs
from sim.questions.demand.choose import Choice, choose
from sim.questions.demand.findings import Findings, findings
from sim.questions.demand.hours import hours_of
from sim.questions.demand.pictures import pictures
from sim.questions.demand.rates import RateFit, fit_rates, rate_lines, read_rates, taken_of
from sim.questions.demand.reading import Read, Told, opened, read
from sim.questions.demand.report import NO_TIME, as_json, choice_blocks, found_blocks, verdict
from sim.questions.demand.trial import ARRIVALS
from sim.questions.demand.writing import (
    misfits,
    rates_text,
    refuse_existing,
    scenario_text,
    sizes_csv,
    sizes_file,
)
from sim.questions.tables import Block, Text, listed, plain

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Workload:
    """A log of requests or jobs, and what stands for it.

    Attributes
    ----------
    found : Findings
        What the log shows.
    choice : Choice or None
        The processes; None where all arrive at one instant.
    """

    found: Findings
    choice: Choice | None

    @property
    def told(self) -> list[str]:
        """Sentences on what was taken."""
        if self.choice is None:
            return ["Nothing can be fitted."]
        return verdict(self.found, self.choice)

    def blocks(self) -> list[Block]:
        """Tell all."""
        parts = found_blocks(self.found)
        if self.choice is not None:
            parts += choice_blocks(self.found, self.choice)
        return [*parts, Text("\n".join(self.told), "verdict")]

    def text(self) -> str:
        """Tell all in plain text, at most 80 columns wide."""
        return plain(self.blocks())

    def json(self) -> dict[str, Any]:
        """Give all as plain values."""
        return as_json(self.found, self.choice, self.told)

    def write(self, out: Path, name: str, seed: int, draw: bool = True) -> list[Path]:
        """Write the scenario, its sizes and, unless not wanted, the pictures.

        Returns
        -------
        list of Path
            The scenario first.

        Raises
        ------
        InputError
            Where there is nothing to write, or a file is there already.
        """
        if self.choice is None:
            raise InputError.one(str(self.found.read.file), f"has {NO_TIME}")
        refuse_existing(out, name)
        beside = out / sizes_file(self.found, name)
        made = []
        if not self.choice.drawn_in_blocks:
            made.append(write(beside, sizes_csv(self.found)))
        elif misfits(self.found):
            made.append(write(beside, fitted_jobs(self.found.read)))
        text = scenario_text(self.found, self.choice, name, seed, self.told, out)
        made.insert(0, write(out / f"{name}.yaml", text))
        load(made[0])
        for kind, figure in pictures(self.found, self.choice) if draw else ():
            made += save(figure(), out, f"{name}_{kind}")
        return made


@dataclass(frozen=True)
class RateWorkload:
    """A log of rates, and what stands for it."""

    fits: list[RateFit]

    @property
    def taken(self) -> RateFit:
        """The process that is taken."""
        return taken_of(self.fits)

    def blocks(self) -> list[Block]:
        """Tell all."""
        return listed(list(rate_lines(self.fits, self.taken)))

    def text(self) -> str:
        """Tell all in plain text, at most 80 columns wide."""
        return plain(self.blocks())

    def json(self) -> dict[str, Any]:
        """Give all as plain values."""
        taken = self.taken
        return {
            "file": str(taken.log.file),
            "kind": "rates",
            "window_s": taken.log.window,
            "rate_per_second": float(taken.log.total.rate.mean()),
            "processes": [
                {
                    "process": each.name,
                    "arrivals": each.keys,
                    "rate_error": each.rate_error,
                    "idc": {f"{scale:g}": value for scale, value in each.idc.items()},
                    "simulated_idc": {f"{scale:g}": value for scale, value in each.simulated.items()},
                    "passes": each.passes,
                    "taken": each is taken,
                }
                for each in self.fits
            ],
            "verdict": list(rate_lines(self.fits, taken))[-1:],
        }

    def write(self, out: Path, name: str, seed: int) -> list[Path]:
        """Write the scenario; such a log allows no pictures of single requests."""
        refuse_existing(out, name)
        file = write(out / f"{name}.yaml", rates_text(self.taken, name, seed, list(rate_lines(self.fits, self.taken))))
        load(file)
        return [file]


def learn(
    file: Path,
    told: Told,
    where: dict[str, str] | None = None,
    seed: int = 0,
    out: Path | None = None,
    name: str = "workload",
    tell: Tell = lambda _: None,
    arrivals: float = ARRIVALS,
) -> Workload | RateWorkload:
    """Read a log and find what stands for it.

    Parameters
    ----------
    file : path
        A log of requests, jobs or rates.
    told : Told
        How it is to be read.
    where : dict, optional
        Rows of a log of rates that are wanted.
    seed : int
        Of the sample of rows and of the simulated paths.
    out : path, optional
        Where it is to be written under ``name``: refused before any work where it cannot be.
    tell : callable
        Is told what is done.
    arrivals : float
        With how many of them, in all, each process is simulated.

    Raises
    ------
    InputError
        With all faults of the log, each with its place.
    """
    if out is not None:
        refuse_existing(output_folder(out), name)
    with opened(file, told) as log:
        kind = log.form.kind
    if kind == "rates":
        return RateWorkload(fit_rates(read_rates(file, told, where or {}), seed))
    if where:
        raise InputError.one("--where", f"is for logs of rates; {file.name} lists {_what(kind)}")
    return fitted(read(file, told, seed, tell), seed, tell, arrivals)


def _what(kind: str) -> str:
    return "requests" if kind == "inference" else "jobs"


def fitted(log: Read, seed: int, tell: Tell = lambda _: None, arrivals: float = ARRIVALS) -> Workload:
    """Find what stands for a log that was read."""
    if log.sketch.seconds <= 0:
        return Workload(findings(log), None)
    choice = choose(log.sketch, hours_of(log.sketch, log.zone), seed, tell, arrivals)
    if choice.taken is None:
        tell("no process reaches it; trying blocks of the log")
        choice = replace(choice, blocks=choose_blocks(log, seed))
    return Workload(findings(log, choice.pattern), choice)
