"""Three years of fine-tunes: commit to a node for three years, for one, rent by the month, stay at the API, or wait?

    python experiments/three_year_commitment.py [--futures 500] [--reps 4] [--out outputs/three_year_commitment]

Scenarios/commitment.yaml: demand, its growth, speed and all prices are uncertain; a new model may strand the node, a
subsidy of the API may end. Prints the decision and, for several chances of a new model, which strategy is regretted
least; draws what the best three cost month by month, what each choice is regretted, and which inputs matter to it.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import sim
from sim.doors.cli.app import guarded
from sim.ground.estimate import Estimate
from sim.ground.files import output_folder, shipped, write
from sim.ground.scenario import load
from sim.questions.charts.fan import Fan, Happening
from sim.questions.charts.regret import Regret
from sim.questions.decision import Decided, decide, decide_at
from sim.questions.decision.pictures import tornado_of
from sim.questions.tables import decision_text, decisions_text
from sim.questions.tables.matters import matters_text
from sim.study import as_json

NEW_MODEL = "decision.events.new_model.probability"
MEASURED = ("three_years", "api")
CHANCES = (0.0, 0.3, 0.6, 0.9)
SOURCE = "experiments/scenarios/commitment.yaml; what is assumed there is marked so"
NOTE = "Month 1 also carries what switching costs, the last month what terms run on beyond the span."
EVENTS = {"new_model": "new model", "subsidy_ends": "subsidy ends"}


def progress(done: int, total: int) -> None:
    """Tell on stderr how far it is."""
    sys.stderr.write(f"\r{done}/{total} futures" + "\n" * (done == total))
    sys.stderr.flush()


def regrets(decided: Decided) -> list[Regret]:
    """Take what each ranked choice is regretted from a decision."""
    nothing = Estimate(None)
    return [
        Regret(name, each["expected_regret_usd"], each["p95_regret_usd"] or nothing, each["probability_cheapest"])
        for name, each in decided.result["strategies"].items()
        if each["ranked"]
    ]


def fans(decided: Decided, most: int = 3) -> list[Fan]:
    """Take the monthly cost of the strategies of least mean present value, which are those regretted least."""
    ranked = [number for number, name in enumerate(decided.strategies) if decided.result["strategies"][name]["ranked"]]
    best = sorted(ranked, key=lambda number: float(decided.npv[:, :, number].mean()))[:most]
    return [Fan(decided.strategies[number], decided.cost[:, number]) for number in best]


def happenings(decided: Decided) -> list[Happening]:
    """Take from a decision when each event comes in each future."""
    return [Happening(words, decided.events[name]) for name, words in EVENTS.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--futures", type=int, default=500)
    parser.add_argument("--reps", type=int, default=4, help="replications of each future")
    parser.add_argument("--jobs", type=int, default=0, help="threads, 0 for one a processor")
    parser.add_argument("--out", type=Path, default=Path("outputs/three_year_commitment"))
    arguments = parser.parse_args()
    folder = output_folder(arguments.out)
    scenario = load(shipped("scenarios") / "commitment.yaml")
    how: dict[str, Any] = {"replications": arguments.reps, "jobs": arguments.jobs, "progress": progress}
    decided = decide(scenario, arguments.futures, **how)
    print(decision_text(decided.result))
    along = decide_at(scenario, NEW_MODEL, CHANCES, max(2, arguments.futures // 5), **how)
    print(f"\nby the chance of a new model:\n\n{decisions_text(along.as_result())}")
    write(folder / "decision.json", json.dumps(as_json(decided.result), indent=1, allow_nan=False) + "\n")
    budget, names = decided.result["budget_usd"], decided.strategies
    fan = sim.charts.fan_chart(
        fans(decided), happenings(decided), strategies=names, budget_usd=budget, note=NOTE, source=SOURCE
    )
    bars = sim.charts.regret_bars(
        regrets(decided), strategies=names, undecided=decided.result["verdict"]["undecided"], source=SOURCE
    )
    weighed = sim.matters(scenario, MEASURED, arguments.futures, arguments.reps, points=0, jobs=arguments.jobs)
    print(f"\nwhat matters:\n\n{matters_text(weighed.result)}")
    figures = {"fan": fan, "regret": bars, "tornado": tornado_of(weighed)}
    drawn = [path for name, figure in figures.items() for path in sim.charts.save(figure, folder, name)]
    print("\nwrote", *drawn, folder / "decision.json")


if __name__ == "__main__":
    guarded(main)
