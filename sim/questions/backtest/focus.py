"""A FOCUS billing export (CSV, plain or gzip), added up by line and service: money as exact decimals.

Not here: to which line a charge belongs (``lines``). Every row counts: what is not simulated, and what is of another
month, is told apart, so that all adds up to the invoice.
"""

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache, partial
from pathlib import Path
from typing import Final

from sim.ground.faults import InputError
from sim.ground.logs import Faults, readable, text_lines
from sim.questions.backtest.lines import BILLED_ONLY, CHARGES, COMPARED, line_of, unit_of

NEEDED: Final = (
    "BilledCost",
    "EffectiveCost",
    "BillingCurrency",
    "ChargePeriodStart",
    "ChargePeriodEnd",
    "ChargeCategory",
    "PricingCategory",
    "ServiceCategory",
    "ServiceName",
)
_MAY_LACK: Final = (
    "BillingPeriodStart",
    "ChargeClass",
    "CommitmentDiscountId",
    "CommitmentDiscountStatus",
    "ConsumedQuantity",
    "ConsumedUnit",
    "PricingQuantity",
    "PricingUnit",
    "ResourceId",
    "SkuId",
)
_NAMES: Final = ("ServiceName", "SkuId", "ResourceId")
_TELLING: Final = (
    "ChargeCategory",
    "ChargeClass",
    "CommitmentDiscountId",
    "CommitmentDiscountStatus",
    "ConsumedUnit",
    "PricingCategory",
    "PricingUnit",
    "ServiceCategory",
    "ServiceName",
)
"""What the line of a row depends on, beside what the user maps."""

COSTS: Final = {"effective": "EffectiveCost", "billed": "BilledCost"}
OTHER_MONTHS: Final = "other months"
_NULLS, _LENGTHS = ("null", "n/a", "none"), (3, 4)
_LARGEST = Decimal(10) ** 12
_FIRST_YEAR, _LAST_YEAR = 1970, 2199
_LEAST: Final = Decimal("1e-12")
"""USD, hours and tokens are read to this: so every sum is exact."""

_MONTH: Final = re.compile(r"\d{4}-(0[1-9]|1[0-2])")

Cells = dict[str, str]


@dataclass
class Charges:
    """What the rows of one line and service add up to.

    Attributes
    ----------
    usd : Decimal
        By the cost that is compared.
    quantities : dict of Decimal
        How much was used, by kind (node hours, GPU hours, tokens).
    rows, silent : int
        Rows; those of them that tell no such quantity, although they cost something.
    """

    usd: Decimal = Decimal(0)
    quantities: dict[str, Decimal] = field(default_factory=dict)
    rows: int = 0
    silent: int = 0

    def add(self, usd: Decimal, kind: str, quantity: Decimal | None) -> None:
        """Add a row."""
        self.usd += usd
        self.rows += 1
        if quantity is None or not kind:
            self.silent += usd != 0
        else:
            self.quantities[kind] = self.quantities.get(kind, Decimal(0)) + quantity


@dataclass(frozen=True)
class Invoice:
    """A month's charges.

    Attributes
    ----------
    month : date
        Its first day.
    cost : str
        Which cost is compared: effective (amortised) or billed.
    totals : dict of Decimal
        Of all rows, by cost.
    lines : dict of dict of Charges
        What is also simulated: by line, then by service.
    apart : dict of Charges
        What is not, by name; the charges of other months among them.
    """

    month: date
    cost: str
    totals: dict[str, Decimal]
    lines: dict[str, dict[str, Charges]]
    apart: dict[str, Charges]

    @property
    def hours(self) -> float:
        """Length of the month."""
        return (_next(self.month) - self.month).days * 24.0

    @property
    def summed(self) -> Decimal:
        """All lines and all that is apart, added up: the invoice's total, to the last digit."""
        parts = [each for services in self.lines.values() for each in services.values()]
        return sum((each.usd for each in (*parts, *self.apart.values())), Decimal(0))


def read_invoice(
    file: Path, cost: str = "effective", month: str | None = None, maps: Mapping[str, str] | None = None
) -> Invoice:
    """Read a billing export.

    Parameters
    ----------
    file : Path
        CSV by FOCUS 1.0 or later, plain or gzip.
    cost : {"effective", "billed"}
        Which cost to compare. Effective spreads what was paid upfront over the time that it covers.
    month : str, optional
        As 2026-10; else that of the billing period, or of all use.
    maps : mapping, optional
        Lines that the user gives to a service, a SKU or a resource, by its name.

    Raises
    ------
    InputError
        With all faults found, each with its line.
    """
    faults, reading = Faults(file), _Reading(cost, {name.casefold(): line for name, line in (maps or {}).items()})
    with readable(file):
        for line, cells in _rows(file, faults):
            reading.take(cells, partial(_refuse, faults, line))
    faults.stop()
    if not reading.rows:
        raise InputError.one(str(file), "holds no charge")
    if unknown := sorted(set(reading.mapped) - reading.named):
        raise InputError.one("--map", f"{unknown[0]!r} is no service, SKU or resource of {file}")
    return reading.invoice(str(file), month)


def _refuse(faults: Faults, line: int, text: str) -> None:
    """Note a fault of a row."""
    faults.refuse(f"{faults.file}:{line}", text)


def _rows(file: Path, faults: Faults) -> Iterator[tuple[int, Cells]]:
    """Walk through the rows, each with its line; columns by their names, whatever their case."""
    reader = csv.reader(text_lines(file), strict=True)
    head = [name.strip().casefold() for name in next(reader, [])]
    missing = [name for name in NEEDED if name.casefold() not in head]
    if missing and len(head) == 1 and (other := next((mark for mark in ";\t|" if mark in head[0]), None)):
        faults.refuse(f"{file}:1", f"must have cells parted by commas, got {other!r}; export it as CSV once more")
        return
    if missing:
        faults.refuse(f"{file}:1", f"must have the columns of a FOCUS export, lacks {', '.join(missing)}")
        return
    if twice := [name for name in (*NEEDED, *_MAY_LACK) if head.count(name.casefold()) > 1]:
        faults.refuse(f"{file}:1", f"must have each column once, has {', '.join(twice)} more often")
        return
    at = {name: head.index(name.casefold()) for name in (*NEEDED, *_MAY_LACK) if name.casefold() in head}
    nothing = dict.fromkeys(_MAY_LACK, "")
    for row in reader:
        if len(row) != len(head):
            if row:
                faults.refuse(f"{file}:{reader.line_num}", f"must have {len(head)} cells, got {len(row)}")
            continue
        cells = nothing.copy()
        for name, index in at.items():
            cells[name] = row[index].strip()
            if len(cells[name]) in _LENGTHS and cells[name].casefold() in _NULLS:
                cells[name] = ""
        yield reader.line_num, cells


class _Reading:
    """What was read so far: sums by month, line and service."""

    def __init__(self, cost: str, mapped: dict[str, str]) -> None:
        self.cost, self.mapped = cost, mapped
        self.rows = 0
        self.totals = dict.fromkeys(COSTS, Decimal(0))
        self.sums: dict[tuple[str, str, str], Charges] = {}
        self.used: Counter[str] = Counter()
        self.periods: set[str] = set()
        self.named: set[str] = set()
        self.judged: dict[tuple[str, ...], str] = {}

    def take(self, cells: Cells, refuse: Callable[[str], None]) -> None:
        """Add a row, or say why not."""
        self.rows += 1
        costs = {cost: _money(cells[column], column, refuse) for cost, column in COSTS.items()}
        since, until = (_instant(cells[f"ChargePeriod{end}"], f"ChargePeriod{end}", refuse) for end in ("Start", "End"))
        if cells["BillingCurrency"] != "USD":
            refuse(f"BillingCurrency must be USD, got {cells['BillingCurrency'][:20]!r}; convert the export first")
        if cells["ChargeCategory"] not in CHARGES:
            refuse(f"ChargeCategory must be one of {', '.join(CHARGES)}, got {cells['ChargeCategory'][:40]!r}")
        column = "ConsumedQuantity" if cells["ConsumedQuantity"] else "PricingQuantity"
        quantity = _money(cells[column], column, refuse) if cells[column] else None
        if since is None or until is None:
            return
        if until <= since:
            refuse(f"ChargePeriodEnd must be after ChargePeriodStart, got {cells['ChargePeriodEnd']!r}")
        line, billed = self.line(cells), cells["BillingPeriodStart"][:7]
        # What corrects, taxes or credits other months is of the month in which it is billed.
        month = billed if billed and line in BILLED_ONLY else _month_of(since, until)
        kind, each = _unit_of(cells["ConsumedUnit" if cells["ConsumedQuantity"] else "PricingUnit"])
        charges = self.sums.setdefault((month, line, cells["ServiceName"]), Charges())
        charges.add(costs[self.cost], kind, None if quantity is None else quantity * each)
        for cost, usd in costs.items():
            self.totals[cost] += usd
        if cells["ChargeCategory"] == "Usage" and line not in BILLED_ONLY:
            self.used[month] += 1
        self.periods.add(billed)
        if self.mapped:
            self.named |= {cells[key].casefold() for key in _NAMES} & set(self.mapped)

    def line(self, cells: Cells) -> str:
        """Tell the line of a row; rows that are alike in what matters are judged once."""
        alike = tuple(cells[name] for name in (*_TELLING, *(_NAMES if self.mapped else ())))
        if (found := self.judged.get(alike)) is None:
            found = self.judged[alike] = line_of(cells, self.mapped)
        return found

    def invoice(self, file: str, wanted: str | None) -> Invoice:
        """Choose the month, and tell apart what is not of it."""
        month = wanted or self._month(file)
        lines: dict[str, dict[str, Charges]] = {line: {} for line in COMPARED}
        apart: dict[str, Charges] = {}
        for (when, line, service), charges in self.sums.items():
            if when != month:
                _merge(apart.setdefault(OTHER_MONTHS, Charges()), charges)
            elif line in lines:
                lines[line][service] = charges
            else:
                _merge(apart.setdefault(line, Charges()), charges)
        if not any(lines.values()):
            had = ", ".join(sorted(self.used)) or "none"
            raise InputError.one(file, f"has nothing in {month} that is simulated (use in: {had}); --map SERVICE=LINE")
        return Invoice(date.fromisoformat(f"{month}-01"), self.cost, self.totals, lines, apart)

    def _month(self, file: str) -> str:
        """Find the one month that the invoice is of."""
        months = {month for month in self.periods if month} or set(self.used)
        if len(months) != 1 or not _MONTH.fullmatch(next(iter(months))):
            found = ", ".join(sorted(months)) or "no use"
            raise InputError.one(file, f"must be of one month, got {found}; choose with --month 2026-10")
        return next(iter(months))


def _merge(into: Charges, other: Charges) -> None:
    into.usd += other.usd
    into.rows += other.rows
    into.silent += other.silent


def _money(text: str, column: str, refuse: Callable[[str], None]) -> Decimal:
    """Read a number exactly."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or abs(number) > _LARGEST:
        refuse(f"{column} must be a number from -1e12 to 1e12, got {text[:40]!r}")
        return Decimal(0)
    return number.quantize(_LEAST)


_unit_of: Final = lru_cache(maxsize=4096)(unit_of)


@lru_cache(maxsize=65_536)
def _utc(text: str) -> datetime | None:
    """Read a date and time; without a zone it is UTC, as FOCUS has it. None where it is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    if not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _instant(text: str, column: str, refuse: Callable[[str], None]) -> datetime | None:
    """Read a date and time, or say why not."""
    if (found := _utc(text)) is None:
        refuse(f"{column} must be a date and time like 2026-10-01T00:00:00Z, got {text[:40]!r}")
    return found


def _next(month: date) -> date:
    """Give the first day of the next month."""
    return (month.replace(day=1) + timedelta(days=32)).replace(day=1)


@lru_cache(maxsize=65_536)
def _month_of(since: datetime, until: datetime) -> str:
    """Name the month that a charge lies in, wholly; one that lies in two is of neither."""
    end = datetime.combine(_next(since.date()), datetime.min.time(), UTC)
    return f"{since:%Y-%m}" if until <= end else f"{since:%Y-%m} to {until:%Y-%m}"
