"""Tables of a report before they are HTML: text, and values with their intervals. Not here: what is told."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from sim.ground.estimate import Estimate
from sim.questions.charts.words import plain
from sim.questions.tables import number, percent

_LARGE: Final = 1000.0
Write = Callable[[float | None], str]


class Told(NamedTuple):
    """A value and its interval as text; no interval where there is none, or where it has no width."""

    value: str
    interval: str


Cell = str | Told


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes
    ----------
    name : str
        A slug, unique on the page.
    caption : str
        What it shows, with the unit of its numbers.
    head : tuple of str
        A heading a column.
    rows : tuple of tuple of str or Told
        The first cell of each is its heading.
    texts : int
        How many columns, from the left, hold text.
    note : str
        How to read it.
    last : bool
        Whether the last column holds text as well.
    """

    name: str
    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    texts: int = 1
    note: str = ""
    last: bool = False

    def is_text(self, column: int) -> bool:
        """Tell whether a column holds text, which stands to the left."""
        return column < self.texts or (self.last and column == len(self.head) - 1)


def table(
    name: str,
    caption: str,
    head: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    *,
    texts: int = 1,
    note: str = "",
    last: bool = False,
) -> Table:
    """Make a table of any rows."""
    return Table(name, caption, tuple(head), tuple(map(tuple, rows)), texts, note, last)


def told(estimate: Estimate | None, write: Write = number, factor: float = 1.0) -> Cell:
    """Tell an estimate in some unit, with its interval where that has a width."""
    if estimate is None or estimate.value is None:
        return "n/a"
    each = estimate.scaled(factor)
    if each.low is None or each.high is None or each.low == each.high:
        return write(each.value)
    low, high = write(each.low), write(each.high)
    return Told(write(each.value), "" if low == high else f"{low} to {high}")


def share(estimate: Estimate | None) -> Cell:
    """Tell a share in per cent."""
    return told(estimate, percent)


def whole_usd(value: float | None) -> str:
    """Write money to the dollar."""
    if value is None:
        return "n/a"
    return f"{value + 0.0:,.0f}".replace("-0", "0") if abs(value) < 0.5 else f"{value:,.0f}"


def usd_of(most: float | None) -> Write:
    """Choose how a table writes money: to the dollar where bills are large, with cents or digits where they are not."""
    return whole_usd if most is None or most >= _LARGE else number


def short(value: float | None) -> str:
    """Write a number in four digits."""
    return "n/a" if value is None else plain(value, 4)
