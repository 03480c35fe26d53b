"""What would have to change, and by how much, for a reserved node to cost what the API costs at the article's terms?

    python experiments/what_flips_the_article.py [--quick] [--reps 20] [--out outputs/what_flips_the_article]

One p4d at 90 % of what it can carry and an engineer, against 8 USD per million tokens. Each number is moved alone until
both cost the same, by sim.break_even; then speed and staff together, by sim.frontier; then the footnote: which rise of
the API's price makes a move to the node pay, with and without a one-off cost of switching and a wait for the node.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sim
from sim.doors.cli.app import guarded
from sim.ground.estimate import Estimate
from sim.ground.files import output_folder, shipped, write
from sim.ground.scenario import Scenario, load
from sim.questions.charts import Move
from sim.questions.charts.words import plain
from sim.questions.search import Compared
from sim.questions.tables import as_csv, frontier_table, grid_text, with_interval

RATE = "workload.tuning.arrivals.rate_per_day"
PRICE = "plans.api.api.usd_per_million_tokens"
NODE, STAFF = "plans.reserved.held.p4d.usd_per_node_h", "plans.reserved.staff.usd_per_year"
HOURS = "workload.tuning.hours_per_million_tokens"
AT_RATE, API_USD, NODE_USD, STAFF_USD, RUN_HOURS = 10.8, 8.0, 19.22, 200_000.0, 2.0
"""90 % of the 12 runs a day that the node can carry; the article's prices, staff and speed."""

TOKENS_PER_SECOND = 1e6 / 7200
MEASURED = 3497.0  # tokens a second: torchtune README, 8x A100, Llama 3.1 70B LoRA
SWITCH_USD, LEAD_MONTHS, MONTH_DAYS = 50_000.0, 3, 730 / 24  # assumed: one-off cost of moving, wait for the node
FASTEST = 20.0
"""Times the article's speed that is simulated; the bill of a held node does not ask how fast it is."""


def scenario(days: float, **settings: Any) -> Scenario:
    """State the article's node and API at 90 % utilization."""
    plans = {
        "reserved": {
            "held": {"p4d": {"gpus": 8, "nodes": 1, "usd_per_node_h": NODE_USD}},
            "staff": {"engineers": 1, "usd_per_year": STAFF_USD},
        },
        "api": {"api": {"usd_per_million_tokens": API_USD, "hours_per_million_tokens": 1.25}},
    }
    file = shipped("scenarios") / "article.yaml"
    return load(file, {"horizon_days": days, "plans": plans, RATE: AT_RATE, **settings})


@dataclass(frozen=True)
class Flip:
    """One number and what became of the search for its turning point."""

    name: str
    stated: str
    times: Estimate
    flip: str
    known: tuple[tuple[float, str], ...] = ()

    @property
    def move(self) -> Move:
        """What is drawn."""
        return Move(self.name, self.stated, self.times, self.flip, self.known)


def search(ready: Scenario, key: str, low: float, high: float, reps: int, log: bool = False) -> Compared:
    """Look for where the node costs what the API costs."""
    found = sim.break_even(ready, key, (low, high), ["reserved", "api"], log, reps, most_replications=4 * reps)
    return found.pair("reserved", "api")


def crossing(found: Compared) -> Estimate:
    """Take the one crossing there is; nothing where there is none."""
    return found.crossings[0].at if found.crossings else Estimate(None)


def still(ready: Scenario, reps: int) -> str:
    """Say how many times the API's bill the node costs all the same."""
    bills = {name: plan["bill_usd"]["total"].value for name, plan in sim.run(ready, reps).result["plans"].items()}
    return f"{bills['reserved'] / bills['api']:.1f} times the API"


def speed(days: float, reps: int, **settings: Any) -> Estimate:
    """Find the speed, times the article's, at which the node costs what the API costs, at the same 90 % utilization."""
    fast = scenario(days, **{HOURS: RUN_HOURS / FASTEST, **settings})
    return crossing(search(fast, RATE, AT_RATE, FASTEST * AT_RATE, reps, log=True)).scaled(1 / AT_RATE)


def by_speed(days: float, reps: int) -> list[Flip]:
    """Move the speed, with the engineer and without."""
    known = ((MEASURED / TOKENS_PER_SECOND, "measured"),)
    rows = []
    for name, settings in (("training speed", {}), ("training speed, no engineer", {STAFF: 0})):
        times = speed(days, reps, **settings)
        flip = (
            f"{plain((times.value or 0.0) * TOKENS_PER_SECOND)} tokens/s, {plain((times.value or 0.0) * AT_RATE)}/day"
        )
        rows.append(Flip(name, f"{TOKENS_PER_SECOND:.0f} tokens/s, {AT_RATE} runs a day", times, flip, known))
    return rows


def by_packing(days: float, reps: int) -> Flip:
    """Run eight one-GPU runs side by side, each as slow as before."""
    packed = scenario(days, **{"workload.tuning.gpus": 1})
    found = search(packed, RATE, AT_RATE, 8 * 12.0, reps)
    full = scenario(days, **{"workload.tuning.gpus": 1, RATE: 8 * AT_RATE})
    at = crossing(found).scaled(1 / AT_RATE)
    flip = f"8 side by side are all a node holds; that is still {still(full, reps)}"
    return Flip("runs side by side on the node", "1 run at a time", at, flip)


def by_prices(days: float, reps: int) -> list[Flip]:
    """Move the API's price, the node's and the staff's pay."""
    ready = scenario(days)
    price = crossing(search(ready, PRICE, API_USD, 40 * API_USD, reps, log=True))
    rows = [
        Flip("API price", f"{API_USD:g} USD/M tokens", price.scaled(1 / API_USD), f"{plain(price.value or 0.0)} USD")
    ]
    for name, key, stated, unit, least in (
        ("pay of the engineer", STAFF, STAFF_USD, "USD a year", "without any staff"),
        ("price of the node", NODE, NODE_USD, "USD/h", "with a node for nothing"),
    ):
        at = crossing(search(ready, key, 0, stated, reps))
        flip = f"{least} it is still {still(scenario(days, **{key: 0}), reps)}"
        times = Estimate(None) if not at.value else Estimate(stated / at.value)
        rows.append(Flip(name, f"{stated:,.10g} {unit}", times, flip))
    return rows


def flips(days: float, reps: int) -> list[Flip]:
    """Move every number alone."""
    price, *others = by_prices(days, reps)
    return [price, *by_speed(days, reps), by_packing(days, reps), *others]


@dataclass(frozen=True)
class Rise:
    """The rise of the API's price from which on a move to the node pays."""

    what: str
    months: int
    times: Estimate


def rises(reps: int, spans: tuple[int, ...] = (12, 36)) -> list[Rise]:
    """Find the multiple of the API's price from which a move pays: both pay it until the node is there."""
    found = []
    for months in spans:
        for what, switch, lead in (
            ("no cost of switching", 0.0, 0),
            (f"{SWITCH_USD:,.0f} USD to switch", SWITCH_USD, 0),
            (f"{SWITCH_USD:,.0f} USD to switch, node after {LEAD_MONTHS} months", SWITCH_USD, LEAD_MONTHS),
        ):
            left = months - lead
            a_year = switch * 12 / left  # the one-off cost spread over the months that the node serves
            ready = scenario(left * MONTH_DAYS, **{"plans.reserved.overhead_usd_per_year": a_year})
            at = crossing(search(ready, PRICE, API_USD, 40 * API_USD, reps, log=True))
            found.append(Rise(what, months, at.scaled(1 / API_USD)))
    return found


def together(days: float, reps: int, rows: int) -> tuple[Scenario, sim.Frontier]:
    """Move speed and staff together: the frontier over runs a day at 90 % utilization and the pay of the staff."""
    fast = scenario(days, **{HOURS: RUN_HOURS / FASTEST})
    pays = [round(STAFF_USD * k / (rows - 1)) for k in range(rows)]
    x = (RATE, AT_RATE, FASTEST * AT_RATE, True)
    return fast, sim.frontier(fast, x, (STAFF, pays), ["reserved", "api"], reps, most_replications=4 * reps)


def title(rows: list[Flip]) -> str:
    """Say what can turn the verdict alone."""
    price, fast = rows[0].times, rows[1].times
    never = len([each for each in rows if each.times.value is None])
    return (
        f"Two things turn the article's verdict alone: an API {plain(price.value or 0.0)} times as dear, or training "
        f"{plain(fast.value or 0.0)} times as fast; {never} others cannot"
    )


def pair_title(pair: sim.Frontier) -> str:
    """Say how far the staff moves the speed that turns the verdict."""
    least, most = (pair.rows[k].crossings[0].at.scaled(1 / AT_RATE).value or 0.0 for k in (0, -1))
    return (
        f"At 90 % utilization the node needs {plain(least)} times the article's speed without an engineer, "
        f"{plain(most)} times with one"
    )


def csv_text(rows: list[Flip], footnote: list[Rise]) -> str:
    """Write both tables as CSV."""
    told = [[row.name, row.stated, *list(row.times.as_json().values())[:3], row.flip] for row in rows]
    told += [[r.what, f"{r.months} months", *list(r.times.as_json().values())[:3], "API price"] for r in footnote]
    return as_csv(["what", "stated", "times", "low", "high", "flip"], told)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("outputs/what_flips_the_article"))
    parser.add_argument("--reps", type=int, default=20)
    parser.add_argument("--quick", action="store_true", help="a fifth of a year, few replications")
    arguments = parser.parse_args()
    folder = output_folder(arguments.out)
    days, reps = (73.0, min(8, arguments.reps)) if arguments.quick else (365.0, arguments.reps)
    rows = flips(days, reps)
    print("how many times each must move, alone, until the node costs what the API costs at 90 % utilization:\n")
    table = [[row.name, row.stated, with_interval(row.times), row.flip] for row in rows]
    print(grid_text(["what", "stated", "times", "at"], table))
    footnote = rises(reps, (12,) if arguments.quick else (12, 36))
    print("\nthe footnote: from which multiple of 8 USD on a move to the node pays within so many months:\n")
    print(grid_text(["what", "months", "times"], [[r.what, str(r.months), with_interval(r.times)] for r in footnote]))
    fast, pair = together(days, max(4, reps // 2), 3 if arguments.quick else 6)
    print(f"\n{frontier_table(pair.result)}")
    source = "p4d.24xlarge reserved, engineer, API: the article (2023); 90 % utilization; simulated"
    drawn = sim.charts.flips([row.move for row in rows], title(rows), source)
    write(folder / "what_flips_the_article.csv", csv_text(rows, footnote))
    files = [*sim.charts.save(drawn, folder, "what_flips_the_article")]
    files += sim.charts.save(sim.charts.frontier_curve(fast, pair.result, pair_title(pair)), folder, "speed_and_staff")
    print("\nwrote", *files, folder / "what_flips_the_article.csv")


if __name__ == "__main__":
    guarded(main)
