"""How many nodes does each promise take, and what does a stricter one cost?

    python experiments/size_for_slo.py [--most-reps 80] [--quick] [--out outputs/size_for_slo]

Fine-tunes: 60 runs a day of 2 h on nodes of 8 GPUs, 95 % of which shall start within 1 to 24 h; at random, and in
bursts. Chat: scenarios/chat.yaml at 60 requests a second, 95 % of which shall have a first token within 0.5 to 5 s;
at random, and with 15 seconds a minute in which four times as many come. `size` finds the least nodes and proves it.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sim
from sim.doors.cli.app import guarded
from sim.ground.files import output_folder, shipped, write
from sim.ground.scenario import Scenario, Tree, as_values, build, load
from sim.questions.charts.promises import Promise, Promises, promises
from sim.questions.charts.words import usd
from sim.questions.tables import as_csv, grid_text, number, percent, with_interval

HOURS_A_MONTH = 730.0
WAITS, TTFTS = (1.0, 2.0, 4.0, 8.0, 12.0, 24.0), (0.5, 1.0, 2.0, 5.0)
TUNES: dict[str, dict[str, Any]] = {"at random": {"law": "poisson"}, "in bursts": {"law": "gamma", "cv": 4}}
CHATS: dict[str, dict[str, Any]] = {
    "at random": {"law": "poisson"},
    "in bursts": {"law": "mmpp", "rates": [1, 4], "stay_s": [45, 15]},
}
HEAD = ["work", "comes", "p95 at most", "nodes", "USD a month", "p95 reached", "a node less", "sure", "replications"]


def tunes(arrivals: dict[str, Any], days: float) -> Scenario:
    """Take the fine-tunes of today's article, ten times as many, on reserved nodes."""
    values = as_values(load(shipped("scenarios") / "article_today.yaml"))
    values["workload"]["tuning"]["arrivals"] = {**arrivals, "rate_per_day": 60}
    values |= {"name": "tunes", "horizon_days": days, "warm_up_days": days / 10}
    values["plans"] = {"own": {"held": values["plans"]["reserved"]["held"]}}
    return build(Tree(values))


def chat(arrivals: dict[str, Any], days: float) -> Scenario:
    """Take the chat scenario at six times its rate."""
    values = as_values(load(shipped("scenarios") / "chat.yaml"))
    values["workload"]["chat"]["arrivals"] = {**arrivals, "rate_per_second": 60}
    values |= {
        "name": "chat",
        "horizon_days": days,
        "warm_up_days": days / 5,
        "equal_work": {"not_started_share": 0.05},
    }
    values["plans"] = {"own": values["plans"]["own"]}
    return build(Tree(values))


@dataclass(frozen=True)
class Row:
    """The cheapest size at one level."""

    work: str
    demand: str
    level: float
    found: sim.Sized

    @property
    def seconds(self) -> bool:
        """Whether the level is a time to the first token."""
        return self.work == "chat"

    @property
    def nodes(self) -> int:
        """Nodes of the setting; of the best that misses the level where none does the work."""
        return int(next(iter(self.found.nearest.values())))

    @property
    def usd_a_month(self) -> float:
        """What it costs."""
        return float(self.found.bill_usd.value or 0.0) / self.found.scenario.counted_hours * HOURS_A_MONTH

    def promise(self) -> Promise:
        return Promise(self.level, self.nodes, self.usd_a_month, self.found.sure)

    def cells(self) -> list[str]:
        """Lay it out: what it reaches, and what a node less would do."""
        unit, what = ("s", "ttft_p95_s") if self.seconds else ("h", "wait_p95_h")
        reached = next(each for each in self.found.certificate.levels if each.level.what == what).percentile
        less = next((each for each in self.found.certificate.neighbours if sum(each.at) < self.nodes), None)
        missed = [each for each in less.levels if each.level.what == what] if less is not None else []
        fewer = f"{with_interval(missed[0].share, percent)} late" if missed else (less.verdict if less else "")
        sure, count = "yes" if self.found.sure else "no", str(self.found.result["replications"])
        money, p95 = number(self.usd_a_month), f"{with_interval(reached)} {unit}"
        return [self.work, self.demand, f"{self.level:g} {unit}", str(self.nodes), money, p95, fewer, sure, count]


def rows(work: str, scenarios: dict[str, Scenario], levels: Sequence[float], how: tuple[int, int, int]) -> list[Row]:
    """Size one kind of work for each demand and level; ``how``: replications at first, at most, threads."""
    found, (reps, most, jobs) = list[Row](), how
    key = "ttft_p95_s" if work == "chat" else "wait_p95_hours"
    for demand, scenario in scenarios.items():
        for level in levels:
            told: dict[str, Any] = {key: level, "replications": reps, "most_replications": most, "jobs": jobs}
            found.append(Row(work, demand, level, sim.size(scenario, "own", **told)))
            sys.stderr.write("  ".join(found[-1].cells()) + "\n")
    return found


def panel(name: str, work: str, found: list[Row]) -> Promises:
    """Lay rows out for the chart."""
    series: dict[str, list[Promise]] = {}
    for row in found:
        if row.found.setting is not None:
            series.setdefault(row.demand, []).append(row.promise())
    return Promises(name, work, series)


def price_of(found: list[Row], demand: str) -> tuple[Row, Row]:
    """Take the strictest and the loosest promise to one demand that can be kept."""
    kept = [row for row in found if row.demand == demand and row.found.setting is not None]
    return kept[0], kept[-1]


def finding(tuned: list[Row], served: list[Row]) -> str:
    """Say what the strictest promise costs beyond the loosest."""
    told = []
    for found, what in ((tuned, "95 % of the runs started within"), (served, "a first token within")):
        strict, loose = price_of(found, "in bursts")
        more, unit = 100 * (strict.usd_a_month / loose.usd_a_month - 1), "s" if strict.seconds else "h"
        ends = f"{what} {strict.level:g} {unit} instead of {loose.level:g} {unit}"
        told.append(f"{ends} cost {more:.0f} % more" if more > 0 else f"{ends} cost no more")
    return f"Where work comes in bursts, {'; '.join(told)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reps", type=int, default=10)
    parser.add_argument("--most-reps", type=int, default=80)
    parser.add_argument("--quick", action="store_true", help="shorter horizons, at most 20 replications, fewer levels")
    parser.add_argument("--jobs", type=int, default=0, help="threads, 0 for one a processor")
    parser.add_argument("--out", type=Path, default=Path("outputs/size_for_slo"))
    arguments = parser.parse_args()
    folder, quick = output_folder(arguments.out), bool(arguments.quick)
    days, part, most = (60.0, 0.004, 20) if quick else (120.0, 0.01, arguments.most_reps)
    waits, ttfts = (WAITS[::2], TTFTS[::3]) if quick else (WAITS, TTFTS)
    how = (arguments.reps, most, arguments.jobs)
    tuned = rows("fine-tunes", {name: tunes(law, days) for name, law in TUNES.items()}, waits, how)
    served = rows("chat", {name: chat(law, part) for name, law in CHATS.items()}, ttfts, how)
    told = [row.cells() for row in (*tuned, *served)]
    print(grid_text(HEAD, told), "", finding(tuned, served), sep="\n")
    for name, found in (("fine-tunes", tuned), ("chat", served)):
        strict, loose = price_of(found, "at random")
        print(f"{name} at random: {usd(strict.usd_a_month - loose.usd_a_month)} USD a month for the strictest promise")
    panels = [
        panel("hours within which 95 % of the runs start", "fine-tunes: 60 runs a day, 2 h on a node of 8 GPUs", tuned),
        panel("seconds within which 95 % have a first token", "chat: 60 requests a second of 512 + 256 tokens", served),
    ]
    scenarios, seeds = "scenarios article_today and chat, changed", f"seeds {tuned[0].found.result['seed']} and "
    source = f"{scenarios}; {seeds}{served[0].found.result['seed']}; {days:g} days and {1440 * part:.0f} minutes, "
    source += f"{arguments.reps} to {most} replications; node: 12.88 USD/h (8 GPUs) and 6.98 USD/h (1 GPU)"
    write(folder / "size_for_slo.csv", as_csv(HEAD, iter([list[Any](row) for row in told])))
    figure = promises(panels, finding(tuned, served), source)
    print("\nwrote", *sim.charts.save(figure, folder, "size_for_slo"), folder / "size_for_slo.csv")


if __name__ == "__main__":
    guarded(main)
