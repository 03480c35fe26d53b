"""What the columns of a log must hold, whole columns at a time; only odd cells are read one by one (``cells``)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from sim.ground.logs.cells import LAST_YEAR, MOST, MOST_FAULTS, Faults, Reader, moment, number, whole
from sim.ground.logs.forms import Form
from sim.ground.logs.raw import Column, Mask, Raw, Trouble
from sim.ground.logs.scan import INSTANT, NUMBER, TEXT, UNREAD, ZONED
from sim.ground.logs.zones import Clock
from sim.ground.units import Floats, Ticks

_NO_ZERO: Final = "take the rows of requests that read or wrote nothing out, or set `skip_empty: true` (`--skip-empty`)"
_LATEST: Final = (LAST_YEAR + 1 - 1970) * 365 * 86_400_000_000.0
_TEXTS: Final = ("tenant", "status", "cache_hit", "model", "client")


@dataclass(frozen=True)
class Rule:
    """What the numbers of a column must be: the rule of a cell, and the same for all at once."""

    read: Reader
    least: float = 0.0
    most: float = MOST
    whole: bool = False

    def broken(self, values: Floats) -> Mask:
        """Tell which numbers break the rule."""
        good = (values >= self.least) & (values <= self.most)
        if self.whole:
            good &= values == np.floor(values)
        return ~good


def _whole(of_what: str, most: float, no_zero: str = "", least: int = 1) -> Rule:
    """Make the rule of whole numbers."""
    return Rule(whole(of_what, most, no_zero, least), least, most, whole=True)


def rules(skip_empty: bool) -> dict[str, Rule]:
    """Give the rule of each role that holds numbers."""
    tokens = _whole("tokens", MOST, least=0) if skip_empty else _whole("tokens", MOST, _NO_ZERO)
    return {
        "prompt": tokens,
        "output": tokens,
        "cached": _whole("tokens", MOST, least=0),
        "cached_blocks": _whole("blocks", 1e9, least=0),
        "service": Rule(number),
        "tokens": Rule(number),
        "gpus": _whole("GPUs", 1_000_000),
        "rate": Rule(number),
        "cv": Rule(number),
    }


def wanted(form: Form, unit: str, texts: bool, header: Sequence[str]) -> dict[str, Column]:
    """Name the columns that are read, by role; those of text that only tell who it was, where asked for.

    A number that may be absent is read where the header, or the first object, has it.
    """
    found = {}
    for role, name in {**form.columns, **form.optional}.items():
        kind = TEXT if role in _TEXTS else INSTANT if role == "arrival" and unit == "datetime" else NUMBER
        optional = role in form.optional
        read = texts or role in form.left_out if kind == TEXT else name in header or not optional
        if read:
            found[role] = Column(name, kind, optional)
    return found


@dataclass
class Judge:
    """Holds the rows of a file to the rules, and keeps what is true of the file as a whole."""

    form: Form
    unit: str
    columns: dict[str, Column]
    faults: Faults
    clock: Clock
    rules: dict[str, Rule]
    zoned: bool | None = None
    left_out: dict[str, int] = field(default_factory=dict)
    _labels: dict[str, dict[str, int]] = field(default_factory=dict)

    def names(self, role: str) -> list[str]:
        """Texts of a column by their codes."""
        return list(self._labels.get(role, {}))

    def judge(self, raw: Raw) -> tuple[Mask, dict[str, Floats], Ticks | None]:
        """Give the rows that are kept, their numbers by role, and their arrivals where those are dates.

        Every fault is noted; with one, the numbers are of no use.
        """
        kept = self._not_left_out(raw)
        troubles = [trouble for trouble in raw.troubles if kept[trouble[0]]]
        good = kept & raw.good
        found = {}
        for place, (role, column) in enumerate(self.columns.items()):
            if role not in raw.values:
                continue
            if column.kind == TEXT:
                found[role] = self._coded(raw, role)
            elif column.kind == NUMBER:
                found[role] = self._numbers(raw, role, good, place, troubles)
        arrival = self._instants(raw, good, troubles) if self.unit == "datetime" else None
        for _, _, where, text in sorted(troubles, key=lambda each: each[:2]):
            self.faults.refuse(where, text)
        return kept, found, arrival

    def _not_left_out(self, raw: Raw) -> Mask:
        """Tell which rows are no failures and the like; count the others."""
        kept = np.ones(len(raw.lines), np.bool_)
        for role, values in self.form.left_out.items():
            if role in raw.values:
                codes, texts = _unique(raw, role)
                out = np.array([text.strip().lower() in values for text in texts], np.bool_)[codes] & kept & raw.good
                name = f"{self.columns[role].name} {values[0]}"
                self.left_out[name] = self.left_out.get(name, 0) + int(out.sum())
                kept &= ~out
        return kept

    def _coded(self, raw: Raw, role: str) -> Floats:
        """Give each text of a column its number, the same through the whole file."""
        codes, texts = _unique(raw, role)
        labels = self._labels.setdefault(role, {})
        numbers = [labels.setdefault(text, len(labels)) for text in texts]
        return np.array(numbers, np.float64)[codes] if numbers else np.zeros(len(codes))

    def _numbers(self, raw: Raw, role: str, good: Mask, place: int, troubles: list[Trouble]) -> Floats:
        """Hold a column to its rule; an absent number of an optional column is 0."""
        rule, column = self.rules.get(role, Rule(number)), self.columns[role]
        values = raw.values[role].copy()
        odd = good & ((raw.states[role] == UNREAD) | rule.broken(values))

        def read(row: int, cell: str) -> None:
            values[row] = 0.0 if column.optional and not cell else rule.read(cell)

        self._one_by_one(raw, role, odd, place, troubles, read)
        return values

    def _instants(self, raw: Raw, good: Mask, troubles: list[Trouble]) -> Ticks:
        """Read dates as microseconds of UTC since 1970: all with an offset, or none."""
        values, zoned = raw.values["arrival"].copy(), raw.states["arrival"] == ZONED
        odd = good & ((raw.states["arrival"] == UNREAD) | ~((values >= 0) & (values < _LATEST)))

        def read(row: int, cell: str) -> None:
            values[row], zoned[row] = moment(cell)

        bad = self._one_by_one(raw, "arrival", odd, 0, troubles, read)
        there = np.flatnonzero(good & ~bad)
        if len(there) and self.zoned is None:
            self.zoned = bool(zoned[there[0]])
        text = "must carry an offset from UTC" if self.zoned else "must carry no offset from UTC"
        mixed = there[zoned[there] != self.zoned]
        self._refuse(raw, mixed, f"{text}, as the rows above it; the times of the file are mixed", troubles)
        arrival = values.astype(np.int64)
        if self.zoned is False:
            arrival[there], skipped = self.clock.to_utc(arrival[there])
            text = f"must be a time that there was in {self.clock.zone.key}, where the clocks skipped it"
            self._refuse(raw, there[skipped], text, troubles)
        return arrival

    def _refuse(self, raw: Raw, rows: Ticks, text: str, troubles: list[Trouble]) -> None:
        """Note the same fault of some arrivals."""
        for row in rows[: MOST_FAULTS + 1].tolist():
            cell = raw.text("arrival", row)[:40]
            name = self.columns["arrival"].name
            troubles.append((row, 0, raw.where("arrival", row), f"{name} {text}, got {cell!r}"))

    def _one_by_one(
        self,
        raw: Raw,
        role: str,
        odd: Mask,
        place: int,
        troubles: list[Trouble],
        read: Callable[[int, str], None],
    ) -> Mask:
        """Read cells by the slow rules; note those that break them, as many as can be told."""
        bad = np.zeros(len(odd), np.bool_)
        noted = 0
        for row in np.flatnonzero(odd).tolist():
            cell = raw.text(role, row)
            try:
                read(row, cell.strip())
            except ValueError as broken:
                rule, *way_out = broken.args
                text = "; ".join([f"{self.columns[role].name} {rule}, got {cell[:40]!r}", *way_out])
                troubles.append((row, place, raw.where(role, row), text))
                bad[row], noted = True, noted + 1
                if noted > MOST_FAULTS:
                    bad |= odd
                    break
        return bad


def _unique(raw: Raw, role: str) -> tuple[Ticks, list[str]]:
    """Give each text of a column in some rows a number; rows without it have an empty one."""
    found, first, codes = np.unique(np.where(raw.good, raw.values[role], -1.0), return_index=True, return_inverse=True)
    texts = ["" if value < 0 else raw.text(role, row) for value, row in zip(found, first.tolist(), strict=True)]
    return codes.astype(np.int64), texts
