"""What matters, from a scenario file to the table: hand-worked swings, refusals, results that can be made again."""

import json
import re

import numpy as np
import pytest
from refusals import flat
from typer.testing import CliRunner

from sim.doors.cli import app
from sim.ground.estimate import Estimate, Lacking
from sim.ground.faults import InputError
from sim.ground.scenario import build, load
from sim.ground.scenario.tree import Tree, read_text
from sim.questions.decision.matters import matters, strategies_of, worth
from sim.questions.decision.pictures import chance_of, fan_of, regret_of, tornado_of
from sim.questions.decision.places import Places, announced, chances, ends
from sim.questions.decision.study import decide
from sim.questions.decision.sweep import decide_at
from sim.questions.tables.matters import MATTERS_HEAD, matters_csv, matters_text
from sim.study import as_json

# One run a day for ten months of 730 h. By the run: 1 h of a node of 20 USD an hour. API: 10 to 40 USD a run.
WORLD = """\
name: small
seed: 3
horizon_days: 304.1666666666667
workload:
  tuning:
    kind: fine_tune
    arrivals: {law: deterministic, rate_per_day: 1}
    gpus: 8
    tokens_millions: 1
    hours_per_million_tokens: 1
plans:
  hired:
    hired: {node: {gpus: 8, usd_per_node_h: 20}}
  api:
    api: {usd_per_job: {p10: 10, p90: 40, shape: uniform}, hours_per_million_tokens: 1}
decision:
  months: 10
  prices: {on_demand: {percent_a_year: {cases: [0, -20], weights: [0.6, 0.4]}}}
"""
API, HIRED = "plans.api.api.usd_per_job", "decision.prices.on_demand.percent_a_year"


def world(text=WORLD, **changes):
    values = read_text(text, "x").values
    return build(Tree({**values, **changes}, file="x"))


@pytest.fixture(scope="module")
def found():
    return matters(world(), ["api"], futures=120, replications=2, points=16, jobs=1)


class TestPlaces:
    def test_an_input_is_moved_to_its_deciles_or_to_each_case(self):
        places = ends(world())
        assert [(end.quantile, end.value) for end in places[API]] == [
            (0.1, pytest.approx(10)),
            (0.9, pytest.approx(40)),
        ]
        assert [end.value for end in places[HIRED]] == [-20, 0]  # numbers in their order
        assert [end.quantile for end in places[HIRED]] == pytest.approx([0.2, 0.7])

    def test_money_by_hand(self):
        """304 runs (the first comes after a day, the last before the end): 304 x 25 at the centre, 304 x 40 at p90."""
        money = Places(world(), 3, 2, "kernel")
        jobs = money({}).npv[0, 1] / 25
        assert jobs == round(jobs)
        assert money({API: 0.9}).npv[:, 1] == pytest.approx([40 * jobs] * 2)
        assert money({API: 0.9}).npv[:, 0] == pytest.approx(money({}).npv[:, 0])
        assert money({}).fit == (True, True)

    def test_a_place_that_cannot_be_is_told(self, monkeypatch):
        def refused(*_):
            raise InputError.one("world.csv", "cannot be read")

        monkeypatch.setattr("sim.questions.decision.places.world", refused)
        with pytest.raises(
            InputError, match=f"^small: {API} at its 90 % quantile: cannot be: world.csv: cannot be read$"
        ):
            Places(world(), 3, 1, "kernel")({API: 0.9})
        with pytest.raises(InputError, match=r"^small: all inputs central: cannot be: "):
            Places(world(), 3, 1, "kernel")({})

    def test_work_is_announced(self):
        assert announced(world(), 64) == "5 places of single inputs, 256 points of Sobol's indices"
        assert announced(world(), 0) == "5 places of single inputs"

    def test_chances_are_what_the_futures_drew(self):
        decision = {
            "months": 10,
            "events": {"new": {"after_months": 4, "probability": 0.5}, "sure": {"after_months": 2}},
        }
        drawn = chances(world(decision=decision), 3, 60)
        assert list(drawn) == ["decision.events.new"]  # what is sure to come at a stated month is no chance
        assert {None, 4.0} == set(drawn["decision.events.new"])
        assert chances(world(), 3, 60) == {}


class TestMatters:
    def test_swings_by_hand(self, found):
        bars = {bar.key: bar for bar in found.tornado.bars}
        jobs = found.tornado.central.value / 25
        assert bars[API].swing.value == pytest.approx(30 * jobs)
        assert (bars[API].swing.low, bars[API].swing.high) == pytest.approx((30 * jobs, 30 * jobs))
        assert bars[HIRED].swing.value == 0
        assert [leg.cheapest for leg in bars[API].legs] == ["api", "hired"]
        assert (bars[API].flips, bars[HIRED].flips) == (True, False)
        assert found.tornado.cheapest == "hired"

    def test_all_of_the_spread_is_the_apis_own_price(self, found):
        shares = {share.key: share for share in found.shares}
        assert shares[API].total.value == pytest.approx(1, abs=0.25)
        assert shares[HIRED].total.value == 0

    def test_worth_of_knowing_the_price_is_nearly_all(self, found):
        """The API's price is uniform on 6.25 to 43.75, so it is below the 20 of a node in about 37 % of the futures."""
        worths = {each.key: each.usd for each in found.information.inputs}
        assert [each.key for each in found.information.inputs] == [API, HIRED]
        assert worths[API].value > 0.85 * found.information.perfect.value > 0
        assert worths[HIRED].low == 0
        assert found.information.perfect.value == pytest.approx(found.result["expected_regret_usd"].value)

    def test_a_strategy_that_is_not_ranked_takes_no_future_away(self, found):
        """Beside the two, nodes that boot for longer than the clock runs: they do the work in no future."""
        slow = {"hired": {"node": {"gpus": 8, "usd_per_node_h": 20, "boot_minutes": 1e6}}}
        decided = decide(world(plans=read_text(WORLD, "x").values["plans"] | {"slow": slow}), 120, 2, jobs=1)
        assert decided.unfit.all(axis=0).tolist() == [False, False, True]
        assert worth(decided) == found.information

    def test_the_two_regretted_least_are_measured_unless_told(self):
        found = matters(world(), futures=10, replications=1, points=0, jobs=1)
        assert found.measured == ("hired", "api")
        assert found.shares == ()
        assert isinstance(found.information.perfect, Lacking)
        assert "needs at least 100 futures, got 10" in flat(matters_text(found.result))

    def test_correlated_inputs_have_no_shares(self):
        together = world(correlations=[{"between": [API, HIRED], "value": 0.5}])
        found = matters(together, ["api"], futures=10, replications=1, points=16, jobs=1)
        assert found.shares == ()
        assert "no shares of spread: inputs are correlated" in flat(matters_text(found.result))
        assert found.result["no_indices"].startswith("inputs are correlated")

    def test_threads_do_not_matter(self, found):
        again = matters(world(), ["api"], futures=120, replications=2, points=16, jobs=3)
        assert as_json(again.result) == as_json(found.result)

    @pytest.mark.parametrize(
        ("measured", "points", "told"),
        [
            (["apy"], 16, "--strategies: `apy` is not known here; did you mean `api`?"),
            (["api", "api"], 16, "--strategies: must be one strategy, or two different ones, got api,api"),
            (["api"], 100, "--sobol: must be 0 or a power of two from 16 to 65536, got 100"),
            (["api"], 8, "--sobol: must be 0 or a power of two from 16 to 65536, got 8"),
        ],
    )
    def test_refusals(self, measured, points, told):
        with pytest.raises(InputError) as refused:
            matters(world(), measured, futures=10, replications=1, points=points)
        assert str(refused.value) == told

    def test_nothing_uncertain_is_refused(self):
        sure = world(WORLD.replace("{p10: 10, p90: 40, shape: uniform}", "25"), decision={"months": 10})
        with pytest.raises(InputError, match="small: holds nothing uncertain, so no input can matter"):
            matters(sure)

    def test_strategies_are_those_of_the_decision_or_the_plans(self):
        assert strategies_of(world()) == ("hired", "api")
        assert strategies_of(world(decision={"strategies": {"one": {"plan": "api"}}})) == ("one",)

    def test_nobody_does_the_work(self):
        """A day brings one job of some 60 h: the bill is that of the node, whatever they take."""
        values = read_text(WORLD, "x").values
        values["workload"]["tuning"]["hours_per_million_tokens"] = {"p10": 40, "p90": 90}
        values["plans"] = {"own": {"held": {"node": {"gpus": 8, "usd_per_node_h": 20, "nodes": 1}}}}
        values["decision"] = {"months": 10}
        found = matters(build(Tree(values, file="x")), futures=10, replications=1, points=16, jobs=1)
        told = flat(matters_text(found.result))
        assert "No input by itself moves the present value of `own`. With all inputs central no strategy does" in told
        assert "It cannot be told which input is best measured first: no strategy is ranked." in told
        assert tornado_of(found).texts[0].get_text() == "No uncertain input moves the present value of own"


class TestWords:
    def test_answer(self, found):
        text = flat(matters_text(found.result))
        assert f"`{API}` moves the present value of `api` most: by " in text
        assert f"By itself `{API}` can make `hired` lose its place as the cheapest." in text
        assert f"Measure `{API}` first: knowing it would spare " in text

    def test_only_what_can_be_measured_is_to_be_measured(self, found):
        def told(api, chance):
            worths = {
                API: Estimate(api, 0, 2 * api, 1, 120),
                "decision.prices.api.steps": Estimate(chance, 0, 9, 1, 120),
            }
            inputs = {key: {"law": None} | found.result["inputs"].get(key, {}) for key in worths}
            kept = {key: each | {"worth_usd": worths[key], "swing_usd": None} for key, each in inputs.items()}
            kept[API]["swing_usd"] = found.result["inputs"][API]["swing_usd"]
            answer = flat(matters_text(found.result | {"inputs": kept}).split("\n\n")[1])
            return answer[re.search("Measure|Knowing", answer).start() :]

        assert told(5.0, 8.0).startswith(f"Measure `{API}` first: knowing it would spare 5.00 [0, 10.00] USD")
        assert told(5.0, 8.0).endswith(" What no one can measure: `decision.prices.api.steps` 8.00 USD.")
        assert "What no one can measure" not in told(5.0, 0.0)
        none = "Knowing any one input beforehand would spare nothing: the choice would stay the same."
        assert told(0.0, 8.0) == (
            "Knowing any one number beforehand would spare nothing. "
            "What no one can measure: `decision.prices.api.steps` 8.00 USD."
        )
        assert told(0.0, 0.0) == none

    def test_csv_has_a_row_an_estimate(self, found):
        rows = [line.split(",") for line in matters_csv(found.result).splitlines()]
        assert rows[0] == MATTERS_HEAD
        measures = [row[1] for row in rows if row[0] == API]
        assert measures == ["swing_usd", "first_order", "total_order", "worth_usd", "usd at 10", "usd at 40"]

    def test_json_holds_no_nan(self, found):
        text = json.dumps(as_json(found.result), allow_nan=False)
        assert json.loads(text)["inputs"][API]["places"][1]["cheapest"] == "hired"


class TestPictures:
    def test_of_what_matters(self, found):
        figure = tornado_of(found)
        assert (
            figure.texts[0].get_text().replace("\n", " ").startswith("USD per job (API) moves the present value of API")
        )
        assert "scenario small, seed 3; 120 futures x 2 replications of 10 months" in figure.texts[-1].get_text()

    def test_of_a_decision(self, found):
        fan = fan_of(found.decided)
        assert fan.texts[0].get_text().startswith("Hired spreads least: an average month costs, in 9 of")
        bars = regret_of(found.decided).axes[0].patches
        regrets = [each["expected_regret_usd"].value for each in found.decided.result["strategies"].values()]
        assert sorted(bar.get_width() for bar in bars) == pytest.approx(sorted(regrets))

    def test_along_a_key(self):
        key = "plans.hired.hired.node.usd_per_node_h"
        swept = decide_at(world(), key, [30, 10], futures=20, replications=1, jobs=1)
        axes = chance_of(swept).axes[0]
        x, y = (np.asarray(each) for each in axes.lines[0].get_data())
        assert list(x) == [10, 30]
        assert y[0] == swept.decisions[1].result["strategies"]["hired"]["probability_cheapest"].value


class TestCommand:
    def test_writes_its_folder_and_runs_again_from_it(self, tmp_path):
        file, out = tmp_path / "small.yaml", tmp_path / "out"
        file.write_text(WORLD)
        how = ["--strategies", "api,hired", "--futures", "12", "--reps", "1", "--sobol", "0", "--format", "json"]
        done = CliRunner().invoke(app, ["matters", str(file), *how, "--out", str(out)])
        assert done.exit_code == 0, done.stderr
        told = json.loads(done.stdout)
        assert told["measured"] == ["api", "hired"]
        assert json.loads((out / "result.json").read_text()) == told
        assert (out / "tornado.png").read_bytes()[:4] == b"\x89PNG"
        other = CliRunner().invoke(app, ["matters", str(file), "--futures", "12", "--out", str(out)])
        assert "holds the results of another question (scenario `small`)" in str(other.exception)
        again = CliRunner().invoke(app, ["matters", str(out / "scenario.yaml"), *how])
        assert json.loads(again.stdout) == told
        assert load(out / "scenario.yaml").uncertain == world().uncertain

    @pytest.mark.parametrize(
        ("option", "told"),
        [
            (["--sobol", "x"], "--sobol: must be a whole number from 0 to 65536, got 'x'"),
            (["--sobol", "33"], "--sobol: must be 0 or a power of two"),
            (["--strategies", "spot"], "--strategies: `spot` is not known here"),
            (["--futures", "0"], "--futures: must be a whole number from 1"),
            (["--format", "xml"], "--format: must be one of text, json, csv, got 'xml'"),
        ],
    )
    def test_refusals(self, tmp_path, option, told):
        (tmp_path / "small.yaml").write_text(WORLD)
        done = CliRunner().invoke(app, ["matters", str(tmp_path / "small.yaml"), *option])
        assert told in str(done.exception)
