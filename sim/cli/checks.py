"""Commands that hold the program to theory and to measured data."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from sim.cli.app import app
from sim.cli.options import FORMATS, Format, Jobs, choice, thread_count, whole
from sim.cli.output import Progress, say
from sim.faults import InputError

fits = typer.Typer(no_args_is_help=True, help="Fit the pace of replicas to measured tables.")
app.add_typer(fits, name="fit")


@app.command()
def verify(
    cases: Annotated[
        Path | None, typer.Option("--cases", help="Your own cases instead of the shipped ones.", metavar="FILE")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Wider standard errors, about half a minute.")] = False,
    jobs: Jobs = "auto",
    format_: Format = "text",
) -> None:
    """Hold the program to queueing theory, to its SimPy reference and to what must always be true."""
    from sim.tables import as_csv, verify_text
    from sim.verify import verify as verify_all

    choice("--format", format_, FORMATS)
    found = verify_all(cases, quick, thread_count(jobs), progress=Progress("cases"))
    if format_ == "csv":
        head = ["id", "key", "estimate", "se", "reference", "z", "relative_se", "pass"]
        say(as_csv(head, ([case[key] for key in head] for case in found["cases"])))
    else:
        say(verify_text(found) if format_ == "text" else json.dumps(found, indent=1, allow_nan=False))
    raise typer.Exit(1 if found["failed"] or found["rows_differing"] else 0)


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
    found: dict[str, str] = {}
    for text in texts or ():
        column, separator, value = text.partition("=")
        if not separator or not column:
            raise InputError.one("--where", f"must be column=value, got {text!r}")
        found[column] = value
    return found


@fits.command()
def profile(
    file: Annotated[Path, typer.Argument(help="Benchmark table: CSV or lines of JSON, plain or .gz.", metavar="FILE")],
    where: Annotated[
        list[str] | None,
        typer.Option("--where", help="Only rows of which a column reads this.", metavar="COLUMN=VALUE"),
    ] = None,
    kv_us: Annotated[
        str | None, typer.Option("--kv-us", help="Microseconds a cached token adds to an iteration.", metavar="N")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Of the catalog; with --accelerator it tells --kv-us.")
    ] = None,
    accelerator: Annotated[str | None, typer.Option("--accelerator", help="GPU of the catalog.")] = None,
    gpus: Annotated[str, typer.Option("--gpus", help="GPUs of a replica, for --model.", metavar="N")] = "1",
    prompt: Annotated[str | None, typer.Option("--prompt", help="Tokens read a request.", metavar="N")] = None,
    output: Annotated[str | None, typer.Option("--output", help="Tokens written a request.", metavar="N")] = None,
    requests: Annotated[str | None, typer.Option("--requests", help="Requests of a run.", metavar="N")] = None,
    seats: Annotated[str | None, typer.Option("--max-num-seqs", help="Seats of the engine.", metavar="N")] = None,
    budget: Annotated[str | None, typer.Option("--token-budget", help="Tokens an iteration.", metavar="N")] = None,
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
    from sim import fit as fitting
    from sim.fit.report import HEAD
    from sim.tables import as_csv

    per_token = _number("--kv-us", kv_us)
    if model is not None or accelerator is not None:
        if per_token is not None or model is None or accelerator is None:
            raise InputError.one("--model", "must come with --accelerator and without --kv-us")
        per_token = fitting.kv_us_of(model, accelerator, whole("--gpus", gpus, 1, 64))
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
    else:
        text = fitting.fitted_text(found)
        say(text if format_ == "text" else json.dumps(fitting.fitted_json(found), indent=1, allow_nan=False))


@app.command()
def validate(
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder of measured data (else $FLEETECON_DATA).", metavar="DIR")
    ] = None,
    format_: Format = "text",
) -> None:
    """Compare simulation with all measured data found: measured, simulated, error, in-sample or held-out."""
    choice("--format", format_, FORMATS)
    from sim import fit as fitting
    from sim.tables import as_csv

    found: dict[str, Any] = fitting.validate(data)
    if format_ == "csv":
        head = ["case", "quantity", "at", "measured", "simulated", "error", "bound", "sample", "pass"]
        say(as_csv(head, ([row[key] for key in head] for row in found["rows"])))
    else:
        text = fitting.validate_text(found)
        say(text if format_ == "text" else json.dumps(found, indent=1, allow_nan=False))
    nothing = data is not None and not found["rows"]
    raise typer.Exit(1 if found["failed"] or nothing else 0)
