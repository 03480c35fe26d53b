"""Commands about prices: list them, take in somebody else's list."""

import json
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from sim.doors.cli.app import app
from sim.doors.cli.options import FORMATS, Format, choice
from sim.doors.cli.output import say, tell
from sim.ground.faults import InputError

prices = typer.Typer(help="List every known price with its source, or import a list.")
app.add_typer(prices, name="prices")


def _day(flag: str, text: str | None) -> date | None:
    """Read a day: 2026-11-22."""
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise InputError.one(flag, f"must be a date like 2026-11-22, got {text!r}") from None


def _months(text: str | None) -> float:
    """Read an age in months."""
    try:
        months = float("inf") if text is None else float(text)
    except ValueError:
        months = -1.0
    if not (text is None or 0 <= months <= 1e4):
        raise InputError.one("--max-age", f"must be a number of months from 0 to 10,000, got {text!r}")
    return months


@prices.callback(invoke_without_command=True)
def show(
    context: typer.Context,
    kind: Annotated[str | None, typer.Option("--kind", help="Only this kind: node, inference, ...")] = None,
    find: Annotated[str | None, typer.Option("--find", help="Only what holds this text anywhere.")] = None,
    provider: Annotated[str | None, typer.Option("--provider", help="Only of this provider.")] = None,
    max_age: Annotated[str | None, typer.Option("--max-age", help="At most so many months old.", metavar="N")] = None,
    on: Annotated[str | None, typer.Option("--on", help="Day on which ages are told; else today.")] = None,
    book: Annotated[
        list[Path] | None, typer.Option("--book", help="A price book of your own, listed too.", metavar="FILE")
    ] = None,
    format_: Format = "text",
) -> None:
    """List every known price: unit, since when, last seen, age, basis and source; a stale one is marked."""
    if context.invoked_subcommand is not None:
        return
    from sim.ground.scenario.book_file import read_book
    from sim.ground.scenario.inputs import nearest
    from sim.questions.prices import KINDS, listed, rows_of
    from sim.questions.tables import PRICE_HEAD, as_csv, prices_blocks

    choice("--format", format_, FORMATS)
    if kind is not None:
        choice("--kind", kind, KINDS)
    months, day = _months(max_age), _day("--on", on) or date.today()  # the one place that asks the clock
    rows = [*listed(), *(row for file in book or () for row in rows_of(read_book(file)[1].entries))]
    if provider is not None and provider not in (known := sorted({row.provider for row in rows} - {""})):
        raise InputError.one("--provider", f"no price is of {provider!r}; {nearest(provider, known)}")
    found: list[dict[str, Any]] = []
    for row in rows:
        age = row.months(day)
        too_old = max_age is not None and (age is None or age > months)
        if too_old or (kind or row.kind) != row.kind or (provider or row.provider) != row.provider:
            continue
        if row.holds(find or ""):
            found.append(row.as_values(day))
    if format_ == "csv":
        say(as_csv(PRICE_HEAD, ([row[key] for key in PRICE_HEAD] for row in found)))
    elif format_ == "json":
        say(json.dumps({"on": day.isoformat(), "prices": found}, indent=1, allow_nan=False))
    else:
        tell(prices_blocks(found, day.isoformat()))


@prices.command("import")
def take(
    form: Annotated[str, typer.Option("--from", help="litellm, skypilot or genai.", metavar="FORM")],
    file: Annotated[
        Path | None, typer.Argument(help="The list; without one genai's installed snapshot is read.", metavar="[FILE]")
    ] = None,
    day: Annotated[str | None, typer.Option("--date", help="Day of which the list is; no list says so.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Price book to write; else it is printed.")] = None,
    find: Annotated[str | None, typer.Option("--find", help="Only entries whose name holds this text.")] = None,
) -> None:
    """Make a price book, which a scenario names in `price_book`.

    It is made of LiteLLM's JSON, SkyPilot's CSV or genai-prices.
    """
    import sys

    from sim.ground.files import write
    from sim.questions.prices import FORMS, take_in

    choice("--from", form, FORMS)
    if out is not None and out.exists():
        raise InputError.one(str(out), "exists already and is kept; choose another name or move it away")
    found = take_in(form, file, _day("--date", day), find)
    for reason, count in sorted(found.skipped.items()):
        sys.stderr.write(f"left out: {count} ({reason})\n")
    if out is None:
        say(found.book())
        return
    try:
        write(out, found.book())
    except OSError as error:
        raise InputError.one(str(out), f"cannot be written: {error.strerror}") from None
    say(f"wrote {out}: {len(found.entries)} prices of {found.made_from.date}\nnext: price_book: {out.name}")
