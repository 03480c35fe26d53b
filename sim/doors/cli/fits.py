"""Commands that learn from what was measured: the pace of replicas, the demand of a log."""

import json
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from sim.doors import called
from sim.doors.cli.app import app
from sim.doors.cli.options import FORMATS, Format, Out, choice, once, whole
from sim.doors.cli.output import say, tell
from sim.ground.faults import InputError

fits = typer.Typer(no_args_is_help=True, help="Fit what was measured: a replica's pace, a log's demand.")
app.add_typer(fits, name="fit")


def _number(flag: str, text: str | None) -> float | None:
    """Read a number above 0."""
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 1e12:
        raise InputError.one(flag, f"must be a number above 0, got {text!r}")
    return value


def _count(flag: str, text: str | None, low: int = 1) -> int | None:
    return None if text is None else whole(flag, text, low, 10**9)


def _where(texts: list[str] | None) -> dict[str, str]:
    """Read ``column=value`` texts."""
    found: list[tuple[str, str]] = []
    for text in texts or ():
        column, separator, value = text.partition("=")
        if not separator or not column:
            raise InputError.one("--where", f"must be column=value, got {text!r}")
        found.append((column, value))
    return once("--where", found)


@fits.command()
def profile(
    file: Annotated[Path, typer.Argument(help="Benchmark table: CSV or lines of JSON, plain or .gz.", metavar="FILE")],
    where: Annotated[
        list[str] | None,
        typer.Option("--where", help="Only rows in which the column holds this value.", metavar="COLUMN=VALUE"),
    ] = None,
    kv_us: Annotated[
        str | None, typer.Option("--kv-us", help="Microseconds that a cached token adds to an iteration.", metavar="N")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Of the catalog; with --accelerator it tells --kv-us.")
    ] = None,
    accelerator: Annotated[str | None, typer.Option("--accelerator", help="GPU of the catalog.")] = None,
    gpus: Annotated[str, typer.Option("--gpus", help="GPUs of a replica, for --model.", metavar="N")] = "1",
    prompt: Annotated[str | None, typer.Option("--prompt", help="Prompt tokens of each request.", metavar="N")] = None,
    output: Annotated[str | None, typer.Option("--output", help="Output tokens of each request.", metavar="N")] = None,
    requests: Annotated[str | None, typer.Option("--requests", help="Requests of each run.", metavar="N")] = None,
    seats: Annotated[
        str | None, typer.Option("--max-num-seqs", help="Requests that run at one time, at most.", metavar="N")
    ] = None,
    budget: Annotated[
        str | None, typer.Option("--token-budget", help="Tokens of an iteration, at most.", metavar="N")
    ] = None,
    room: Annotated[str | None, typer.Option("--kv-tokens", help="Tokens the cache holds.", metavar="N")] = None,
    lag: Annotated[str | None, typer.Option("--join-lag", help="0 or 1; both are tried unless stated.")] = None,
    fit_at: Annotated[
        str | None, typer.Option("--fit-at", help="Rates to fit on, the others are held out: 1,10,200", metavar="RATES")
    ] = None,
    seed: Annotated[str, typer.Option("--seed", help="Seed of the simulated arrivals.", metavar="N")] = "0",
    format_: Format = "text",
) -> None:
    """Fit a serving profile to FILE; print in-sample and held-out errors and the `serve:` block to paste.

    Three forms are read, told by their columns: a summary by rate (rps, request_throughput, ttft_p50_ms, e2el_p50_ms,
    tpot_p50_ms), a log of requests (arrival_time, input_toks, output_toks, first_token_ts, last_token_ts), a table by
    batch (prompt_size, batch_size, prompt_time, token_time). What the data cannot tell is refused.
    """
    choice("--format", format_, FORMATS)
    from sim.questions import fit as fitting
    from sim.questions.fit.report import HEAD
    from sim.questions.tables import as_csv

    per_token, size = _number("--kv-us", kv_us), whole("--gpus", gpus, 1, 64)
    if model is not None or accelerator is not None:
        if per_token is not None or model is None or accelerator is None:
            raise InputError.one("--model", "must come with --accelerator and without --kv-us")
        per_token = fitting.kv_us_of(model, accelerator, size)
    options = fitting.Options(
        kv_us=per_token,
        prompt=_count("--prompt", prompt),
        output=_count("--output", output),
        requests=_count("--requests", requests),
        max_num_seqs=_count("--max-num-seqs", seats),
        token_budget=_count("--token-budget", budget),
        kv_tokens=_count("--kv-tokens", room),
        join_lag=None if lag is None else whole("--join-lag", lag, 0, 1),
        fit_at=tuple(_number("--fit-at", rate) or 0.0 for rate in (fit_at or "").split(",") if rate),
        seed=whole("--seed", seed, 0, 2**63 - 1),
    )
    found = fitting.fit(fitting.read_table(file, _where(where)), options)
    if format_ == "csv":
        say(as_csv(HEAD, map(list, fitting.fitted_rows(found))))
    elif format_ == "json":
        say(json.dumps(fitting.fitted_json(found), indent=1, allow_nan=False))
    else:
        tell(fitting.fitted_blocks(found))


_SERVICE_UNITS = ("hours", "minutes", "seconds")
ROLES = ("arrival", "prompt", "output", "cached", "service", "gpus", "tokens", "tenant", "rate", "cv")


def _roles(text: list[str] | None) -> dict[str, str] | None:
    """Read ``role=column`` texts."""
    given: list[tuple[str, str]] = []
    for each in text or ():
        role, separator, column = each.partition("=")
        if not separator or role not in ROLES or not column:
            raise InputError.one("--column", f"must be role=column, a role of {', '.join(ROLES)}; got {each!r}")
        given.append((role, column))
    found = once("--column", given)
    if found and ("arrival" not in found or not {"prompt", "service", "tokens", "rate"} & set(found)):
        need = "arrival, and prompt and output, or service (or tokens), or rate"
        raise InputError.one("--column", f"must name the columns of {need}; got {', '.join(found)}")
    if found and ("prompt" in found) != ("output" in found):
        raise InputError.one("--column", "must name both prompt and output")
    return found or None


def _service_unit(roles: dict[str, str] | None, text: str | None) -> str:
    """Read the unit of services, which no header tells: hours taken for seconds would cost next to nothing."""
    if "service" not in (roles or {}):
        if text is not None:
            raise InputError.one("--service-unit", "must come with --column service=COLUMN")
        return _SERVICE_UNITS[-1]
    if text is None:
        raise InputError.one("--column", "service must come with --service-unit hours, minutes or seconds")
    return choice("--service-unit", text, _SERVICE_UNITS)


class _Teller:
    """Tells on stderr what is done, where that takes long."""

    def __init__(self) -> None:
        self.told = time.monotonic()

    def __call__(self, text: str) -> None:
        if time.monotonic() - self.told >= _QUIET_S:
            self.told = time.monotonic()
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()


_QUIET_S = 3.0


@fits.command()
def workload(
    log: Annotated[Path, typer.Argument(help="CSV, JSON lines or Parquet, plain or gzipped.", metavar="LOG")],
    form: Annotated[
        str | None, typer.Option("--log-format", help="Name of a known form; else the header tells.", metavar="NAME")
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option("--column", help="arrival, prompt, output; service, gpus, tokens; tenant.", metavar="ROLE=COLUMN"),
    ] = None,
    service_unit: Annotated[
        str | None, typer.Option("--service-unit", help="Of the column service: hours, minutes or seconds.")
    ] = None,
    unit: Annotated[
        str | None, typer.Option("--unit", help="Of arrivals: datetime, milliseconds, seconds, minutes, hours, days.")
    ] = None,
    zone: Annotated[
        str | None, typer.Option("--zone", help="Of times without an offset, and of the hours: Europe/Berlin.")
    ] = None,
    where: Annotated[
        list[str] | None, typer.Option("--where", help="Only such rows of a log of rates.", metavar="COLUMN=VALUE")
    ] = None,
    skip_empty: Annotated[bool, typer.Option("--skip-empty", help="Leave out requests of no tokens.")] = False,
    sort: Annotated[bool, typer.Option("--sort", help="Sort rows that are out of order (held in memory).")] = False,
    out: Out = None,
    name: Annotated[str | None, typer.Option("--name", help="Of the scenario: a-z, 0-9 and _; else by LOG.")] = None,
    seed: Annotated[str, typer.Option("--seed", help="Seed of samples and simulated paths.", metavar="N")] = "0",
    format_: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
) -> None:
    """Learn the demand of LOG: what it shows, which process reproduces it, a scenario ready to run.

    Processes are fitted to all of the log and judged by simulation: rate within 1 %, index of dispersion of counts
    (IDC: variance over mean; 1 for a Poisson process) at 1, 10, 60, 300 s within 25 %; and fitted to two thirds of the
    time, on the last third. The simplest that holds is taken; where none does, blocks of the log itself. With --out:
    NAME.yaml, the file of sizes beside it, pictures.
    """
    choice("--format", format_, FORMATS[:2])
    from sim.questions.demand import Told, learn, slug

    named = name if name is not None else slug(log.name.split(".")[0])
    if named != slug(named):
        raise InputError.one("--name", f"must be a slug of a-z, 0-9 and _, at most 50 long, got {named[:80]!r}")
    roles = _roles(columns)
    told = Told(form, roles, unit, zone, skip_empty, sort, _service_unit(roles, service_unit))
    number = whole("--seed", seed, 0, 2**63 - 1)
    learned = learn(log, told, _where(where), number, out, named, _Teller())
    if format_ == "json":
        say(json.dumps(learned.json(), indent=1, allow_nan=False))
    else:
        tell(learned.blocks())
    if out is not None:
        files = learned.write(out, named, number)
        sys.stderr.write(f"wrote {', '.join(map(str, files))}\nnext: {called()} run {files[0]}\n")
