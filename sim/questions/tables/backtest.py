"""A backtest as text and as rows: billed, simulated, the difference, and whether price or use makes it."""

from collections.abc import Iterator
from typing import Any

from sim.ground.estimate import Estimate
from sim.questions.tables.blocks import Block, Text, note, table, title
from sim.questions.tables.plain import plain
from sim.questions.tables.words import Json, counted, number

BACKTEST_HEAD = (
    "part",
    "line",
    "invoice_usd",
    "simulated_usd",
    "low",
    "high",
    "difference_usd",
    "difference_share",
    "unit",
    "invoice_quantity",
    "simulated_quantity",
    "by_price_usd",
    "by_use_usd",
    "rows",
)
_SHOWN = (
    "line",
    "invoice, USD",
    "simulated, USD",
    "difference",
    "%",
    "by price",
    "by use",
    "invoiced",
    "simulated",
    "of",
)
_CAUSES, _QUANTITIES = 5, 7
"""Columns from which the causes of a difference are told, and the quantities."""
_WORDS = """\
Difference: simulated less invoiced, in USD; by use: other quantities at the invoice's price; by price: another price \
for the simulated quantities. Invoiced, simulated: the quantities. Brackets: {confidence:g} % interval."""


def backtest_text(result: Json) -> str:
    """Tell a backtest in plain text, at most 80 columns wide."""
    return plain(backtest_blocks(result))


def backtest_blocks(result: Json) -> list[Block]:
    """Tell a backtest: lines compared, what only one side has, and that all adds up."""
    head = f"{result['scenario']}, plan `{result['plan']}`, {result['month']}: {result['cost']} cost, "
    head += f"{counted(result['replications'], 'replication')}, seed {result['seed']}"
    rows = [_shown(line, each) for line, each in result["lines"].items() if _is_told(each)]
    rows.append(_shown("together", result["compared"]))
    words = note(_WORDS.format(confidence=100 * result["confidence"]))
    parts: list[Block] = [title(head), table(_SHOWN, rows, "wnnnnnnnnw", parts=(_CAUSES, _QUANTITIES)), words]
    for line, each in result["lines"].items():
        if each["rows_without_quantity"]:
            text = f"`{line}`: {each['rows_without_quantity']} rows tell no hours or tokens"
            parts.append(Text(f"{text}, so price and use cannot be told apart"))
    cells = [[key, cents(each["usd"]), f"{each['rows']}"] for key, each in result["not_simulated"].items()]
    if cells:
        parts += [title("on the invoice, not simulated:"), table(("charge", "USD", "rows"), cells)]
    lines = [[key, number(each.value)] for key, each in result["not_invoiced"].items() if each.value]
    if lines:
        parts += [title("simulated, on no invoice:"), table(("line", "USD"), lines)]
    totals = result["invoice_usd"]
    told = "add up to" if result["adds_up"] else "DO NOT add up to"
    billed = f"invoice: {cents(totals['billed'])} USD billed, {cents(totals['effective'])} effective"
    sums = f"{billed}; the lines above {told} the {result['cost']} cost"
    return [*parts, Text(sums, "verdict" if result["adds_up"] else "warning")]


def backtest_rows(result: Json) -> Iterator[list[Any]]:
    """Give a backtest as rows: lines compared, then what only one side has."""
    for line, each in (*result["lines"].items(), ("together", result["compared"])):
        money, quantity = each["simulated_usd"], each.get("simulated_quantity", Estimate(None))
        yield [
            "compared",
            line,
            each["invoice_usd"],
            money.value,
            money.low,
            money.high,
            each["difference_usd"],
            each["difference_share"],
            each.get("unit", ""),
            each.get("invoice_quantity"),
            quantity.value,
            each.get("by_price_usd"),
            each.get("by_use_usd"),
            each.get("rows"),
        ]
    for key, each in result["not_simulated"].items():
        yield ["not simulated", key, each["usd"], *[None] * 10, each["rows"]]
    for key, each in result["not_invoiced"].items():
        yield ["not invoiced", key, None, each.value, each.low, each.high, *[None] * 8]
    for cost, usd in result["invoice_usd"].items():
        yield ["invoice", cost, usd, *[None] * 11]


def cents(usd: float) -> str:
    """Write money to the cent."""
    return f"{usd:,.2f}"


def _signed(value: float) -> str:
    """Write a difference to the hundredth; what rounds to nothing has no sign of its own."""
    return f"{round(value, 2) + 0.0:+,.2f}"


def _is_told(each: Json) -> bool:
    """Whether a line has anything on either side."""
    return bool(each["rows"] or each["simulated_usd"].value)


def _shown(line: str, each: Json) -> list[str]:
    """Lay out one line."""
    money = each["simulated_usd"]
    spread = money.low is not None and money.low != money.high
    interval = f" [{cents(money.low)}, {cents(money.high)}]" if spread else ""
    causes = [each.get(key) for key in ("by_price_usd", "by_use_usd")]
    simulated = each.get("simulated_quantity", Estimate(None)).value
    return [
        line,
        cents(each["invoice_usd"]),
        f"{cents(money.value)}{interval}",
        _signed(each["difference_usd"]),
        "n/a" if each["difference_share"] is None else f"{_signed(100 * each['difference_share'])} %",
        *("" if usd is None else _signed(usd) for usd in causes),
        *("" if quantity is None else f"{quantity:,.10g}" for quantity in (each.get("invoice_quantity"), simulated)),
        each.get("unit", ""),
    ]
