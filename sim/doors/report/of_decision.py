"""A decision over months as tables of a report: strategies, fans, regrets, and what matters."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from sim.doors.report.cells import Cell, Table, share, short, table, told, whole_usd
from sim.questions.charts import Fan
from sim.questions.charts.words import rough
from sim.questions.decision.matters import Mattered

Json = dict[str, Any]

_BANDS = {"p5": 0.05, "p50": 0.5, "p95": 0.95}


def strategies(result: Json) -> Table:
    """Lay out what each strategy costs over the months, and what choosing it is regretted."""
    rows = []
    for name, each in result["strategies"].items():
        npv = each["npv_usd"]
        cells = [told(npv[key], whole_usd) for key in ("mean", "p5", "p95")]
        if not each["ranked"]:
            rows.append([name, *cells, "not ranked", "", ""])
            continue
        regrets = [told(each[key], whole_usd) for key in ("expected_regret_usd", "p95_regret_usd")]
        rows.append([name, *cells, share(each["probability_cheapest"]), *regrets])
    head = ["Strategy", "present value, USD", "p5", "p95", "cheapest on", "expected regret, USD", "regret p95"]
    note = (
        "Present value: all that is paid, discounted to today; less is better. Regret: what a choice costs more than "
        "the best one in the same future with the same noise."
    )
    caption = f"Strategies over {result['months']} months, {result['futures']} futures"
    return table("strategies", caption, head, rows, note=note)


def months(fans: Sequence[Fan]) -> Table:
    """Lay out what the fan chart draws: a row a month."""
    drawn = [np.quantile(fan.cost, list(_BANDS.values()), axis=0) for fan in fans]
    rows: list[list[Cell]] = [
        [str(month + 1), *(rough(float(each)) for bands in drawn for each in bands[:, month])]
        for month in range(fans[0].cost.shape[1])
    ]
    head = ["Month", *(f"{fan.name}, {which}" for fan in fans for which in _BANDS)]
    return table("months", "USD a month, over the futures", head, rows)


def swings(found: Mattered) -> Table:
    """Lay out what the tornado draws: each input moved alone, and what knowing it is worth."""
    inputs = found.result["inputs"]
    rows = [_swing(key, each) for key, each in inputs.items() if each["swing_usd"] is not None]
    chance = [
        [f"{key} (by chance)", "", "", "", "", "", told(each["worth_usd"], whole_usd)]
        for key, each in inputs.items()
        if each["swing_usd"] is None
    ]
    head = ["Input", "least at", "USD", "most at", "USD", "swing, USD", "worth of knowing, USD"]
    first, *second = found.measured
    measure = f"what {first} costs more than {second[0]}" if second else f"the present value of {first}"
    note = (
        "Swing: from the 10th to the 90th percentile of one input, or between its cases, all others central. Worth of "
        "knowing: expected regret spared by choosing after the input is known."
    )
    return table("swings", f"Each uncertain input moved alone: {measure}", head, [*rows, *chance], note=note)


def _swing(key: str, each: Json) -> list[Cell]:
    low, *_, high = sorted(each["places"], key=lambda leg: float(leg["usd"].value))
    ends = [cell for leg in (low, high) for cell in (_value(leg["value"]), told(leg["usd"], whole_usd))]
    return [key, *ends, told(each["swing_usd"], whole_usd), told(each["worth_usd"], whole_usd)]


def _value(value: float | str | bool | None) -> str:
    return short(value) if isinstance(value, float) else str(value)
