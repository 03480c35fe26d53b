"""Other people's price lists made into a price book of the user's own: each entry with its file, hash and day."""

from collections import Counter
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from sim.ground.faults import Fault, InputError
from sim.ground.scenario.book import clashes, name_of
from sim.ground.scenario.book_file import MadeFrom, write_book
from sim.questions.prices import genai, litellm, skypilot
from sim.questions.prices.said import Entry, Source, file_bytes, sha256, text_of

FORMS: Final = ("litellm", "skypilot", "genai")


@dataclass(frozen=True)
class Found:
    """What was taken in.

    Attributes
    ----------
    entries : list of Entry
        In the list's order.
    skipped : Counter of str
        How many were left, by reason.
    made_from : MadeFrom
        The list's form, file, hash and day.
    """

    entries: list[Entry]
    skipped: Counter[str]
    made_from: MadeFrom

    def book(self) -> str:
        """Write the price book."""
        return write_book(self.entries, self.made_from)


def take_in(form: str, file: Path | None, day: date | None, find: str | None = None) -> Found:
    """Read somebody's price list.

    Parameters
    ----------
    form : str
        One of ``FORMS``.
    file : Path, optional
        The list; without one, of `genai`, what is installed.
    day : date, optional
        Of which the list is: none of the forms says so itself.
    find : str, optional
        Only entries whose name holds this, whatever its case.

    Raises
    ------
    InputError
        With all faults found, each with its line.
    """
    if day is None:
        raise InputError.one("--date", f"must say of which day the list is, for {form} does not: --date 2026-11-22")
    if file is None and form != "genai":
        raise InputError.one("FILE", f"must name the list of {form}")
    name, data = genai.installed() if file is None else (file.name, file_bytes(file))
    source = Source(form, name, sha256(data), day)
    text = None if file is None else text_of(data, name)
    if form == "genai":
        genai.read(source, text)
    else:
        (litellm if form == "litellm" else skypilot).read(source, text or "")
    source.done()
    entries = [each for each in source.entries if find is None or find.casefold() in name_of(each).casefold()]
    if not entries:
        wanted = "" if find is None else f" whose name holds {find!r}"
        raise InputError.one(name, f"holds no price{wanted} that a scenario could use")
    entries = _told_apart(source, entries)
    made_from = MadeFrom(form=form, file=name, sha256=source.sha256, date=day.isoformat())
    return Found(entries, source.skipped, made_from)


def _told_apart(source: Source, entries: list[Entry]) -> list[Entry]:
    """Leave what the list says a second time with the same words; refuse what it says twice with other ones."""
    kept = list({each.model_dump_json(): each for each in entries}.values())
    if len(kept) < len(entries):
        source.skipped["said twice"] += len(entries) - len(kept)
    if faults := [Fault(source.name, f"{name_of(kept[at])!r} {text}") for at, text in clashes(kept)]:
        raise InputError(faults[:50])
    return kept
