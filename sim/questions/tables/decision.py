"""A decision as text: the verdict, what each strategy costs, what each choice is regretted, what to beware of."""

from collections.abc import Iterator
from typing import Any

from sim.ground.estimate import Estimate, Lacking
from sim.questions.tables.blocks import Block, Text, note, table, title, warnings
from sim.questions.tables.plain import plain
from sim.questions.tables.rows import as_csv, leaves
from sim.questions.tables.sparks import along, spans
from sim.questions.tables.words import Json, counted, number, percent, percent_with_interval, short_keys, with_interval

_DEFINITIONS = """\
Present value: all that is paid over {months}, discounted at {discount:g} % a year; less is better. USD a job: cost \
over jobs and requests. Cheapest on: share of paths (a future and its noise); equals share it. Regret: what a choice \
costs more than the best one on the same path. Worst 5 %: mean present value of the dearest paths. Left: paid for what \
was left or runs beyond the span. From futures: share of the variance that is not queueing noise.
Brackets and ±: {confidence:g} % interval over {futures}; n/a: not enough data (reasons: --format json)."""
_MANY_USD = 1e5
_COMPARED, _BAD_END = 4, 6
"""Columns from which the strategies are compared; from which the bad end of the cost is told."""
_HEAD = ("strategy", "present value, USD", "p5", "p95", "cheapest on", "regret, USD", "p95 regret")
_HEAD_OF_COST = (
    "strategy",
    "USD a job",
    "p5",
    "p95",
    "cost, USD: p50",
    "p99",
    "worst 5 %",
    "left, USD",
    "from futures",
)


def _value(estimate: Estimate | None) -> str:
    """Write a value without its interval."""
    return number(None if estimate is None else estimate.value)


def _interval(estimate: Estimate) -> str:
    """Write an estimate with its interval, where that has a width."""
    return number(estimate.value) if estimate.low == estimate.high else with_interval(estimate)


def _give_or_take(estimate: Estimate) -> str:
    """Write an estimate with half the width of its interval."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return number(estimate.value)
    half = (estimate.high - estimate.low) / 2
    return number(estimate.value) if half == 0 else f"{number(estimate.value)} ± {number(half)}"


def _of_ranking(name: str, each: Json) -> list[str]:
    """Tell a strategy's present value, how often it is the cheapest, and its regret."""
    npv = each["npv_usd"]
    cells = [name, _interval(npv["mean"]), _value(npv["p5"]), _value(npv["p95"])]
    if not each["ranked"]:
        return [*cells, "not ranked", "", ""]
    chance = _chance(each)
    return [*cells, chance, _give_or_take(each["expected_regret_usd"]), _value(each["p95_regret_usd"])]


def _of_cost(name: str, each: Json, budget: bool) -> list[str]:
    """Tell a strategy's cost of a job, the bad end of its cost, and what it spends for nothing."""
    job, total = each["cost_per_job_usd"], each["total_cost_usd"]
    cells = [
        name,
        *(_value(job[key]) for key in ("mean", "p5", "p95")),
        *(_value(total[key]) for key in ("p50", "p99")),
    ]
    cells += [_value(each["cvar95_npv_usd"]), _value(each["stranded_usd"])]
    cells.append(percent(each["variance_from_futures"].value))
    return [*cells, percent_with_interval(each["probability_over_budget"])] if budget else cells


def _regret_table(result: Json) -> list[Block]:
    """Lay out the regret table: where one is the cheapest, what each choice costs more; none for a single choice."""
    choices = [name for name, each in result["strategies"].items() if each["ranked"]]
    rows = [row for row in result["regret_table"] if row["futures"]]
    if len(choices) < 2 or not rows:
        return []
    largest = max((row["regret_usd"][name].value or 0.0) for row in rows for name in choices)
    unit, factor = ("thousand USD", 1e-3) if largest >= _MANY_USD else ("USD", 1.0)
    cells = [
        [
            row["cheapest"],
            percent(row["probability"].value),
            str(row["futures"]),
            *(_give_or_take(row["regret_usd"][name].scaled(factor)) for name in choices),
        ]
        for row in rows
    ]
    head = ["cheapest there", "on", "futures", *choices]
    return [title(f"What each choice costs more, {unit}:"), table(head, cells)]


def _size(result: Json) -> str:
    """Tell how long and how often something was simulated."""
    futures, replications = (counted(result[f"{word}s"], word) for word in ("future", "replication"))
    return f"{result['scenario']}: {_months(result)}, {futures} x {replications}"


def _months(result: Json) -> str:
    return counted(result["months"], "month")


def _usd(value: float | None) -> str:
    return f"{number(value)} USD"


def decision_verdict(result: Json) -> str:
    """Say in words which strategy to choose, how sure that is, and who is not ranked."""
    lines = [_answer(result)]
    for name, each in result["strategies"].items():
        if not each["ranked"]:
            share, why = percent(each["unfit_share"].value), f"for example: {each['unfit'][0]['for_example']}"
            lines.append(f"`{name}` is not ranked: in {share} of the futures it does not do the work ({why}).")
    return "\n".join(lines)


def _named(names: list[str]) -> str:
    """Write names one after the other."""
    return " and ".join(", ".join(f"`{name}`" for name in part) for part in (names[:-1], names[-1:]) if part)


def _answer(result: Json) -> str:
    """Say the verdict in a sentence or two."""
    verdict, strategies = result["verdict"], result["strategies"]
    choice = verdict["choice"]
    if verdict["answer"] == "none ranked":
        return "No strategy does the work in enough of the futures, so none is the best."
    each = strategies[choice]
    if verdict["answer"] == "one ranked":
        return f"Only `{choice}` is ranked: its present value is {_usd(each['npv_usd']['mean'].value)} on average."
    alike = f" (as {_named(verdict['alike'])}, at the same cost)" if verdict["alike"] else ""
    if verdict["answer"] == "all the same":
        return f"{_named([choice, *verdict['alike']])} cost the same on every path."
    if verdict["answer"] == "sure":
        return " ".join([*_sure(result, f"`{choice}`{alike}"), *_most_often(result)])
    return " ".join([*_unsure(result, f"`{choice}`{alike}"), *_most_often(result)])


def _sure(result: Json, leader: str) -> list[str]:
    """Say what the choice is regretted, and what the runner-up costs more."""
    verdict, each = result["verdict"], result["strategies"][result["verdict"]["choice"]]
    lost, rival = _interval(each["expected_regret_usd"]), verdict["runner_up"]
    first = f"{leader} has the least expected regret: {lost} USD; it is the cheapest on"
    return [
        f"{first} {_chance(each)} of the paths of {counted(result['futures'], 'future')}.",
        f"Choosing `{rival}` costs {_interval(verdict['others_cost_more_usd'][rival])} USD more on average.",
    ]


def _unsure(result: Json, leader: str) -> list[str]:
    """Say from which others the futures do not tell the leader."""
    others, rivals = result["verdict"]["others_cost_more_usd"], result["verdict"]["undecided"]
    first = f"Not enough data to tell {leader} from {_named(rivals)} in {counted(result['futures'], 'future')}"
    if isinstance(lacking := others[rivals[0]], Lacking):
        return [f"{first}: {lacking.reason}."]
    costs = " and ".join(_interval(others[name]) for name in rivals)
    return [f"{first}: on average {_named(rivals)} cost{'s' * (len(rivals) == 1)} {costs} USD more.", _WAY_OUT]


_WAY_OUT = "Raise --futures, or take either."


def _most_often(result: Json) -> list[str]:
    """Say who is the cheapest most often, where that is not the one that is regretted least."""
    ranked = {name: each for name, each in result["strategies"].items() if each["ranked"]}
    chances = {name: float(each["probability_cheapest"].value) for name, each in ranked.items()}
    most = max(chances, key=lambda name: chances[name])
    if chances[most] <= chances[result["verdict"]["choice"]]:
        return []
    return [f"Most often the cheapest is `{most}`: on {_chance(ranked[most])} of the paths."]


def _chance(each: Json) -> str:
    """Write how often a strategy is the cheapest."""
    return percent_with_interval(each["probability_cheapest"])


def decision_text(result: Json) -> str:
    """Tell a decision in plain text, at most 80 columns wide."""
    return plain(decision_blocks(result))


def decision_blocks(result: Json) -> list[Block]:
    """Tell a decision: the verdict, two tables of the strategies, the regret table, definitions, warnings."""
    strategies, budget = result["strategies"], result["budget_usd"]
    best = [k for k, name in enumerate(strategies) if name == result["verdict"]["choice"]]
    parts: list[Block] = [title(f"{_size(result)}, seed {result['seed']}"), Text(decision_verdict(result), "verdict")]
    ranking = [_of_ranking(name, each) for name, each in strategies.items()]
    parts.append(table(_HEAD, ranking, parts=(_COMPARED,), best=best))
    parts += _spread(strategies)
    over = [f"over {number(budget)} USD"] if budget is not None else []
    costs = [_of_cost(name, each, budget is not None) for name, each in strategies.items()]
    parts.append(table([*_HEAD_OF_COST, *over], costs, parts=(_BAD_END,), best=best))
    parts += _regret_table(result)
    parts += _uncertain(result)
    parts.append(
        note(
            _DEFINITIONS.format(
                months=_months(result),
                discount=result["discount_percent_a_year"],
                confidence=100 * result["confidence"],
                futures=counted(result["futures"], "future"),
            )
        )
    )
    return [*parts, *warnings(result["warnings"])]


def _spread(strategies: Json) -> list[Block]:
    """Draw how the present value of each strategy is spread."""
    ends = {name: [each["npv_usd"][key].value for key in ("p5", "p50", "p95")] for name, each in strategies.items()}
    return spans("strategy", "present value, USD: p5 to p95, ┿ median", ends)


def _uncertain(result: Json) -> list[Block]:
    """List the uncertain numbers with their laws and sources."""
    lines = [
        f"  {key}: {each['law']}" + (f" ({each['source']})" if each["source"] else "")
        for key, each in result["uncertain"].items()
    ]
    return [Text("\n".join(["uncertain:", *lines]))] if lines else []


DECISION_HEAD = ["strategy", "measure", "value", "low", "high", "se", "n", "reason"]


def _csv_row(strategy: str, path: tuple[str, ...], estimate: Estimate) -> list[Any]:
    """Give an estimate as a row."""
    plain = {"reason": ""} | estimate.as_json()
    return [strategy, ".".join(path), *(plain[key] for key in DECISION_HEAD[2:])]


def _csv_rows(result: Json) -> Iterator[list[Any]]:
    """Give every estimate of a decision as a row."""
    for name, each in result["strategies"].items():
        for path, estimate in leaves(each):
            yield _csv_row(name, path, estimate)
    for row in result["regret_table"]:
        for path, estimate in leaves({key: row[key] for key in ("probability", "regret_usd")}):
            yield _csv_row(row["cheapest"], ("where_cheapest", *path), estimate)
    shown = ("verdict", "difference_variance_from_futures")
    for path, estimate in leaves({key: result[key] for key in shown}):
        yield _csv_row("", path, estimate)


def decision_csv(result: Json) -> str:
    """Write a decision as CSV, a row an estimate."""
    return as_csv(DECISION_HEAD, _csv_rows(result))


def decisions_csv(swept: Json) -> str:
    """Write decisions along a key as CSV, a row an estimate, the value of the key in front."""
    key = next(iter(swept["vary"]))
    rows = ([cell["at"][key], *row] for cell in swept["cells"] for row in _csv_rows(cell["result"]))
    return as_csv([key, *DECISION_HEAD], rows)


def decisions_text(swept: Json) -> str:
    """Tell decisions along a key in plain text, at most 80 columns wide."""
    return plain(decisions_blocks(swept))


def decisions_blocks(swept: Json) -> list[Block]:
    """Tell decisions along a key: who is the cheapest how often, and who is regretted least."""
    key, cells = next(iter(swept["vary"])), swept["cells"]
    names = list(cells[0]["result"]["strategies"])
    rows = [[_plain(cell["at"][key]), *_along(cell["result"])] for cell in cells]
    first = cells[0]["result"]
    told = f"{_size(first)} at each value, seed {first['seed']}"
    parts: list[Block] = [title(f"{told}; share of paths on which each is the cheapest")]
    parts.append(table([*short_keys([key]), "least regret", *names], rows, "nw"))
    parts += along("strategy", f"cheapest on, along {short_keys([key])[0]}", _chances(swept, names))
    parts.append(
        note(f"Brackets: {100 * first['confidence']:g} % interval. ?: not enough data to tell it from another one.")
    )
    warned = dict.fromkeys((entry["code"], entry["text"]) for cell in cells for entry in cell["result"]["warnings"])
    return [*parts, *warnings([{"code": code, "text": text} for code, text in warned])]


def _chances(swept: Json, names: list[str]) -> dict[str, list[float | None]]:
    """Give how often each strategy is the cheapest, at each value."""
    found = [cell["result"]["strategies"] for cell in swept["cells"]]
    chances = {name: [cell[name]["probability_cheapest"] for cell in found] for name in names}
    return {name: [None if each is None else each.value for each in row] for name, row in chances.items()}


def _along(result: Json) -> list[str]:
    """Tell who is the cheapest how often at one value of a key, and who is regretted least."""
    chances = [each["probability_cheapest"] for each in result["strategies"].values()]
    cells = ["not ranked" if chance is None else percent_with_interval(chance) for chance in chances]
    choice, unsure = result["verdict"]["choice"], result["verdict"]["answer"] == "not enough data"
    return ["none" if choice is None else f"{choice}{'?' * unsure}", *cells]


def _plain(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
