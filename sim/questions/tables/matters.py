"""What matters in a decision as text: the answer, each input alone and its share, and what to measure first."""

from collections.abc import Iterable, Iterator
from typing import Any

from sim.ground.estimate import Estimate, Lacking
from sim.questions.tables.blocks import Block, Table, Text, note, table, title, warnings
from sim.questions.tables.plain import plain
from sim.questions.tables.rows import as_csv, leaves
from sim.questions.tables.words import Json, counted, number, short_keys, with_interval

_DEFINITIONS = """\
Swing: by how much the money moves when one input goes from its 10th to its 90th percentile (or between its cases), \
all others central, on the same noise. Changes: to who else is then the cheapest. Of spread: share of the variance \
that the input makes, alone and with all it acts through (Sobol's first and total order). Worth of knowing: expected \
regret spared by choosing after the input is known exactly; queueing noise, which nobody can know, is averaged out.
Brackets: {confidence:g} % interval; n/a: not enough data (reasons: --format json)."""
_CHANCE = "by chance"


def matters_text(result: Json) -> str:
    """Tell what matters in plain text, at most 80 columns wide."""
    return plain(matters_blocks(result))


def matters_blocks(result: Json) -> list[Block]:
    """Tell what matters: the answer, inputs by their swing, inputs by what knowing them is worth, definitions."""
    drawn = " x ".join(counted(result[f"{word}s"], word) for word in ("future", "replication"))
    head = f"{result['scenario']}: {counted(result['months'], 'month')}, {drawn}"
    points = f", {result['points']} points of Sobol's indices" if result["points"] else ""
    parts: list[Block] = [title(f"{head}{points}, seed {result['seed']}")]
    parts.append(Text("\n".join(_answer(result)), "verdict"))
    central = f"{_measure(result)}; all central: {number(result['central_usd'].value)} USD"
    parts += [title(central), _swings(result), title("What to measure first:"), _worths(result)]
    if result["no_indices"]:
        parts.append(Text(f"no shares of spread: {result['no_indices']}"))
    parts.append(note(_DEFINITIONS.format(confidence=100 * result["confidence"])))
    return [*parts, *warnings(result["warnings"])]


def _measured(result: Json) -> str:
    """Name what is measured, in a sentence."""
    first, *second = (f"`{name}`" for name in result["measured"])
    return f"what {first} costs more than {second[0]}" if second else f"the present value of {first}"


def _measure(result: Json) -> str:
    text = _measured(result)
    return text[0].upper() + text[1:]


def _answer(result: Json) -> Iterator[str]:
    """Say which input moves the money most, which ones change the choice, and which is best measured first."""
    swung = {key: each for key, each in result["inputs"].items() if each["swing_usd"] is not None}
    key, most = max(swung.items(), key=lambda item: float(item[1]["swing_usd"].value))
    if not most["swing_usd"].value:
        yield f"No input by itself moves {_measured(result)}."
    else:
        yield f"`{key}` moves {_measured(result)} most: by {with_interval(most['swing_usd'])} USD."
    flips = [f"`{key}`" for key, each in swung.items() if each["flips"]]
    cheapest = result["cheapest_at_centre"]
    if cheapest is None:
        yield "With all inputs central no strategy does the work."
    elif flips:
        yield f"By itself {_listed(flips)} can make `{cheapest}` lose its place as the cheapest."
    else:
        yield f"No input by itself makes another strategy than `{cheapest}` the cheapest."
    yield _first(result)


def _listed(names: list[str], most: int = 3) -> str:
    """Join names by or, no more than a few of them."""
    kept = names if len(names) <= most else [*names[: most - 1], f"one of {len(names) - most + 1} others"]
    return kept[0] if len(kept) == 1 else f"{', '.join(kept[:-1])} or {kept[-1]}"


def _first(result: Json) -> str:
    """Say which input is best measured first, or why nobody can tell."""
    perfect = result["worth_of_knowing_all_usd"]
    if isinstance(perfect, Lacking):
        return f"It cannot be told which input is best measured first: {perfect.reason}."
    most_first = [(key, each) for key, each in _by_worth(result) if each["worth_usd"].value]
    by_chance = [f"`{key}` {number(each['worth_usd'].value)} USD" for key, each in most_first if each["law"] is None]
    chance = f" What no one can measure: {'; '.join(by_chance)}." if by_chance else ""
    known = next(((key, each["worth_usd"]) for key, each in most_first if each["law"] is not None), None)
    if known is None and by_chance:
        return f"Knowing any one number beforehand would spare nothing.{chance}"
    if known is None:
        return "Knowing any one input beforehand would spare nothing: the choice would stay the same."
    key, worth = known
    of_all = f"of the {number(perfect.value)} USD that knowing everything would spare"
    sure = "" if worth.low else ", and that may be nothing"
    return f"Measure `{key}` first: knowing it would spare {with_interval(worth)} USD {of_all}{sure}.{chance}"


def _by_worth(result: Json) -> list[tuple[str, Json]]:
    """Put the inputs in the order of what knowing them is worth."""
    return sorted(result["inputs"].items(), key=lambda item: -float(item[1]["worth_usd"].value or 0.0))


def _swings(result: Json) -> Table:
    """Lay out the inputs by their swing."""
    shares = bool(result["points"])
    swung = {key: each for key, each in result["inputs"].items() if each["swing_usd"] is not None}
    rows = [
        [
            key,
            *_ends(each["places"]),
            with_interval(each["swing_usd"]),
            _changes(each["places"], result["cheapest_at_centre"]),
            *([_share(each["first_order"]), _share(each["total_order"])] if shares else []),
        ]
        for key, each in zip(_named(result, swung), swung.values(), strict=True)
    ]
    head = ["input", "least at", "USD", "most at", "USD", "swing, USD", "changes"]
    told = [*head, *(["of spread, alone", "in all"] if shares else [])]
    return table(told, rows, "wnnnnnw", parts=(len(head),))


def _named(result: Json, keys: Iterable[str]) -> list[str]:
    """Name inputs by their last parts, as few as tell all of them apart."""
    shown = dict(zip(result["inputs"], short_keys(list(result["inputs"])), strict=True))
    return [shown[key] for key in keys]


def _ends(places: list[Json]) -> list[str]:
    """Tell where the measure is least and greatest: the input's value and the measure there."""
    ordered = sorted(places, key=lambda place: float(place["usd"].value))
    return [
        cell for place in (ordered[0], ordered[-1]) for cell in (_plain(place["value"]), number(place["usd"].value))
    ]


def _changes(places: list[Json], cheapest: str | None) -> str:
    """Tell who else is the cheapest at a place."""
    other = dict.fromkeys(place["cheapest"] or "nobody" for place in places if place["cheapest"] != cheapest)
    return ", ".join(f"to {name}" for name in other)


def _share(estimate: Estimate | None) -> str:
    """Write a share with its interval; what is below 0 by chance alone is 0."""
    if estimate is None or estimate.value is None:
        return "n/a"
    low, value, high = (max(0.0, end or 0.0) for end in (estimate.low, estimate.value, estimate.high))
    return f"{100 * value:.0f} % [{100 * low:.0f}, {100 * high:.0f}]"


def _plain(value: float | str | bool | None) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _worths(result: Json) -> Table:
    """Lay out the inputs by what knowing them is worth."""
    perfect = result["worth_of_knowing_all_usd"]
    ordered = dict(_by_worth(result))
    named = zip(_named(result, ordered), ordered.values(), strict=True)
    rows = [[key, each["law"] or _CHANCE, with_interval(each["worth_usd"])] for key, each in named]
    last = ["everything", "", with_interval(perfect)]
    return table(["input", "law", "worth of knowing, USD"], [*rows, last], "wwn")


MATTERS_HEAD = ["input", "measure", "value", "low", "high", "se", "n", "reason"]


def matters_csv(result: Json) -> str:
    """Write what matters as CSV, a row an estimate; places of an input by their value."""
    return as_csv(MATTERS_HEAD, _rows(result))


def _rows(result: Json) -> Iterator[list[Any]]:
    for key, each in result["inputs"].items():
        for path, estimate in leaves(each):
            yield _row(key, ".".join(path), estimate)
        for place in each["places"]:
            yield _row(key, f"usd at {_plain(place['value'])}", place["usd"])
    for key in ("central_usd", "worth_of_knowing_all_usd", "expected_regret_usd"):
        if result[key] is not None:
            yield _row("", key, result[key])


def _row(key: str, measure: str, estimate: Estimate) -> list[Any]:
    plain = {"reason": ""} | estimate.as_json()
    return [key, measure, *(plain[name] for name in MATTERS_HEAD[2:])]
