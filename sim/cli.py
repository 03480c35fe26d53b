"""The command line. The only file that prints: tables on stdout, progress and refusals on stderr.

Exit status: 0 good, 1 a check failed, 2 usage or bad input, 130 interrupted.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sim.faults import FleetError, InputError

if TYPE_CHECKING:
    from sim.scenario import Scenario

INTERRUPTED = 130

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # the plain help page: laid out by rich it takes 0.15 s longer to appear
    help="Hold GPUs or hire them: cost, waits and idle money of a fleet, simulated, with their uncertainty.",
    epilog="Results and their definitions: README. Exit: 0 good, 1 a check failed, 2 bad input, 130 interrupted.",
)

File = Annotated[Path, typer.Argument(help="Scenario file (YAML).", metavar="FILE")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="Put a value in place: plans.reserved.held.p4d.nodes=2", metavar="KEY=VALUE"),
]
SeedText = Annotated[str | None, typer.Option("--seed", help="Seed; overrides the scenario's.", metavar="N")]
Reps = Annotated[str, typer.Option("--reps", help="Replications (sample paths).", metavar="N")]
Jobs = Annotated[
    str, typer.Option("--jobs", help="Threads; 0 or auto: one a processor. Results do not depend on it.", metavar="N")
]
Engine = Annotated[str, typer.Option("--engine", help="kernel, or simpy: the reference, some 500 times slower.")]
Format = Annotated[str, typer.Option("--format", help="text, json or csv.")]
Out = Annotated[Path | None, typer.Option("--out", help="Folder to write results and pictures into.", metavar="DIR")]


def _whole(flag: str, text: str, low: int, high: int) -> int:
    """Read a whole number given on the command line."""
    try:
        value = int(text)
    except ValueError:
        value = low - 1
    if not low <= value <= high:
        raise InputError.one(flag, f"must be a whole number from {low} to {high}, got {text!r}")
    return value


def _jobs(text: str) -> int:
    return 0 if text == "auto" else _whole("--jobs", text, 0, 1024)


def _seed(text: str | None) -> int | None:
    return None if text is None else _whole("--seed", text, 0, 2**63 - 1)


def _choice(flag: str, text: str, options: tuple[str, ...]) -> str:
    if text not in options:
        raise InputError.one(flag, f"must be one of {', '.join(options)}, got {text!r}")
    return text


def _load(file: Path, settings: list[str] | None) -> "Scenario":
    from sim.scenario import load, parse_setting

    return load(file, dict(map(parse_setting, settings or ())))


def _say(text: str) -> None:
    try:
        sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough; typer would call that a failure
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None


class _Progress:
    """Tells on stderr how far long work is: one line rewritten on a terminal, else a line now and then."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.began = self.told = time.monotonic()
        self.live = sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self.told < (0.2 if self.live else 10.0) and not (self.live and done == total):
            return
        self.told = now
        rest = (now - self.began) / done * (total - done)
        text = f"{self.what}: {done} of {total}, about {rest:.0f} s left"
        end = "\n" if done == total or not self.live else ""
        sys.stderr.write(f"\r\x1b[2K{text}{end}" if self.live else f"{text}\n")
        sys.stderr.flush()


def _write_results(
    out: Path, scenario: "Scenario", result: dict[str, Any], csv_text: str, figures: dict[str, Any]
) -> None:
    """Write a run's folder: scenario, manifest, results, pictures."""
    from sim import charts
    from sim.files import write
    from sim.manifest import FILE, manifest, runnable_from
    from sim.study import as_json

    made_by = manifest(scenario, result)
    write(out / "scenario.yaml", runnable_from(out, scenario, made_by["seed"]))
    write(out / "result.json", json.dumps(as_json(result), indent=1, allow_nan=False) + "\n")
    write(out / "result.csv", csv_text)
    write(out / FILE, json.dumps(made_by, indent=1) + "\n")
    for name, draw in figures.items():  # last, so that no fault of a picture costs a result
        charts.save(draw(), out, name)


def _show(result: dict[str, Any], format_: str, text: Any, csv_text: Any) -> None:
    """Print a result in the wanted form."""
    from sim.study import as_json

    if format_ == "json":
        _say(json.dumps(as_json(result), indent=1, allow_nan=False))
    else:
        _say(text(result) if format_ == "text" else csv_text(result))


FORMATS = ("text", "json", "csv")
ENGINES = ("kernel", "simpy")


@app.command()
def init(
    name: Annotated[str, typer.Argument(help="A shipped scenario to copy (article), or a name for a new one.")],
) -> None:
    """Write NAME.yaml: a copy of a shipped scenario, or the commented starter under a new name."""
    import re

    from sim.files import shipped, write

    if not re.fullmatch(r"[a-z0-9_]{1,60}", name):
        raise InputError.one("NAME", f"must be a slug of a-z, 0-9 and _, at most 60 long, got {name[:80]!r}")
    target = Path(f"{name}.yaml")
    if target.exists() or target.is_symlink():
        raise InputError.one(str(target), "exists already and is kept; choose another name or move it away")
    known = shipped("scenarios") / f"{name}.yaml"
    source = known if known.is_file() else shipped("scenarios") / "starter.yaml"
    text = source.read_text(encoding="utf-8")
    try:
        write(target, re.sub(r"^name: \w+", f"name: {name}", text, count=1, flags=re.MULTILINE))
    except OSError as error:
        raise InputError.one(str(target), f"cannot be written: {error.strerror}") from None
    _say(f"wrote {target}\nnext: fleetecon check {target}; fleetecon run {target}")


@app.command()
def check(file: File, settings: Settings = None) -> None:
    """Judge a scenario file: every fault with its line, or what it says in short."""
    scenario = _load(file, settings)
    from sim.study.compare import serving_load, warnings
    from sim.study.simulate import Experiment
    from sim.tables import inputs_text

    experiment = Experiment.of(scenario, 0)
    load = scenario.offered_gpus
    lines = [f"{file}: good; {experiment.jobs_expected:,.6g} jobs expected in {scenario.horizon_days:g} days"]
    if load is not None:
        lines.append(f"offered load: {load:.4g} GPUs (erlangs)")
    lines += [f"plan `{name}`: {plan.all_gpus} GPUs held" for name, plan in scenario.plans.items()]
    for name, plan in scenario.plans.items():
        for group_name, group in plan.serving.items():
            carried = serving_load(scenario, plan, group_name)
            share = "" if carried is None else f", load about {carried:.3g} of what they can carry"
            lines.append(f"plan `{name}`, `{group_name}`: {group.replicas} replicas{share}")
    lines += ["the numbers rest on:", inputs_text(scenario.inputs())]
    lines += [f"warning ({entry['code']}): {entry['text']}" for entry in warnings(experiment, 1000)]
    _say("\n".join(lines))


@app.command()
def run(
    file: File,
    settings: Settings = None,
    seed: SeedText = None,
    reps: Reps = "200",
    jobs: Jobs = "auto",
    engine: Engine = "kernel",
    format_: Format = "text",
    out: Out = None,
) -> None:
    """Run a scenario under all its plans and compare them."""
    from sim.files import output_folder
    from sim.manifest import claim

    _choice("--format", format_, FORMATS)
    scenario = _load(file, settings)
    if out is not None:
        claim(output_folder(out), scenario)
    from sim import study  # only now, for it takes a second: a refusal comes at once
    from sim.tables import study_csv, study_text

    found = study.run(
        scenario,
        _whole("--reps", reps, 1, 10_000_000),
        _seed(seed),
        _jobs(jobs),
        _choice("--engine", engine, ENGINES),
        progress=_Progress("replications, in pieces"),
    )
    if out is not None:
        from sim import charts

        figures = {"cost_distribution": lambda: charts.cost_distribution(found)}
        _write_results(out, scenario, found.result, study_csv(found.result), figures)
    _show(found.result, format_, study_text, study_csv)


def _spread(flag: str, text: str) -> tuple[str, Any]:
    """Read ``key=lo:hi:n[:log]`` (both ends) or ``key=1,2,4``."""
    from sim.scenario import parse_setting
    from sim.study.grid import spaced

    key, separator, values = text.partition("=")
    if not separator or not key or not values:
        raise InputError.one(flag, f"must be key=lo:hi:n[:log] or key=1,2,4, got {text!r}")
    if ":" not in values:
        return key, [parse_setting(f"{key}={value}", flag)[1] for value in values.split(",")]
    try:
        low, high, count, *scale = values.split(":")
        if scale not in ([], ["log"]):
            raise ValueError(f"unknown scale {scale[0]!r}")
        return key, spaced(float(low), float(high), int(count), log=bool(scale))
    except ValueError as error:
        raise InputError.one(flag, f"must be key=lo:hi:n[:log] or key=1,2,4, got {text!r} ({error})") from None


@app.command()
def sweep(
    file: File,
    vary: Annotated[
        list[str], typer.Option("--vary", help="Values of a key: key=lo:hi:n[:log] or key=1,2,4.", metavar="KEY=VALUES")
    ],
    settings: Settings = None,
    seed: SeedText = None,
    reps: Reps = "200",
    jobs: Jobs = "auto",
    engine: Engine = "kernel",
    format_: Format = "text",
    out: Out = None,
) -> None:
    """Run a scenario at every combination of some values; find where the cheapest plan changes."""
    from sim.files import output_folder

    _choice("--format", format_, FORMATS)
    scenario = _load(file, settings)
    from sim import study
    from sim.manifest import claim
    from sim.study.grid import check_cells, is_number, seconds_expected
    from sim.tables import sweep_csv, sweep_text

    replications = _whole("--reps", reps, 1, 10_000_000)
    threads = _jobs(jobs)
    spans = [_spread("--vary", text) for text in vary]
    if repeated := [key for key, _ in spans if [other for other, _ in spans].count(key) > 1]:
        raise InputError.one("--vary", f"{repeated[0]} is varied twice; give all its values in one --vary")
    varied = dict(spans)

    def seconds(count: int) -> float:
        return seconds_expected(scenario, count, replications, study.threads(threads))

    cells = check_cells(varied, seconds)
    if out is not None:
        claim(output_folder(out), scenario, varied)
    told = f"{cells} cells x {len(scenario.plans)} plans x {replications} replications, about {seconds(cells):.0f} s"
    sys.stderr.write(f"{told}\n")
    grid = study.sweep(
        scenario,
        varied,
        replications,
        _seed(seed),
        threads,
        _choice("--engine", engine, ENGINES),
        progress=_Progress("cells"),
    )
    found = grid.as_result()
    if out is not None:
        from sim import charts

        figures = {}
        if len(varied) == 1 and all(map(is_number, next(iter(varied.values())))):
            figures = {
                "cost_percentiles": lambda: charts.cost_percentiles(grid),
                "idle_money": lambda: charts.idle_money(grid),
            }
        _write_results(out, scenario, found, sweep_csv(found), figures)
    _show(found, format_, sweep_text, sweep_csv)


@app.command()
def verify(
    cases: Annotated[
        Path | None, typer.Option("--cases", help="Your own cases instead of the shipped ones.", metavar="FILE")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Wider standard errors, at most half a minute.")] = False,
    jobs: Jobs = "auto",
    format_: Format = "text",
) -> None:
    """Hold the program to queueing theory, to its SimPy reference and to what must always be true."""
    from sim.tables import as_csv, verify_text
    from sim.verify import verify as verify_all

    _choice("--format", format_, FORMATS)
    found = verify_all(cases, quick, _jobs(jobs), progress=_Progress("cases"))
    if format_ == "csv":
        head = ["id", "key", "estimate", "se", "reference", "z", "relative_se", "pass"]
        _say(as_csv(head, ([case[key] for key in head] for case in found["cases"])))
    else:
        _say(verify_text(found) if format_ == "text" else json.dumps(found, indent=1, allow_nan=False))
    raise typer.Exit(1 if found["failed"] or found["rows_differing"] else 0)


@app.command()
def schema() -> None:
    """Print the JSON schema of a scenario."""
    from sim.scenario import Scenario

    _say(json.dumps(Scenario.model_json_schema(), indent=1))


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for results and pictures.", metavar="DIR")] = Path(
        "outputs/demo"
    ),
    reps: Reps = "80",
    jobs: Jobs = "auto",
) -> None:
    """Answer the article's question: reserved node, rented nodes, API or a mix, from 0.5 to 12 fine-tunes a day."""
    from sim.demo import demo as tell
    from sim.files import output_folder

    tell(output_folder(out), _whole("--reps", reps, 2, 100_000), _jobs(jobs), _say, _Progress("cells"))


def main() -> None:
    """Run the command line; refusals become lines on stderr and an exit status."""
    try:
        app()
    except FleetError as refused:
        sys.stderr.write(f"{refused}\n")
        sys.exit(2)
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            sys.stderr.write("\ninterrupted; nothing half done was written, the same command begins again\n")
        raise
