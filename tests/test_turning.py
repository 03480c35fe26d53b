"""Turning points: worlds whose turns are known by arithmetic, the article against break_even, what never turns."""

import pytest
from studies import plain
from worlds import ARTICLE, scenario

import sim
from sim.ground.files import shipped
from sim.ground.scenario import load
from sim.ground.scenario.levers import levers, moved
from sim.questions.search.moving import MONEY, Moving
from sim.questions.search.turning import turning_points, turning_result
from sim.questions.tables import turning_csv, turning_text
from sim.study import run

WORLD = """\
name: world
seed: 1
horizon_days: 10
workload:
  tuning:
    kind: fine_tune
    arrivals: {law: deterministic, rate_per_day: 4}
    gpus: 8
    tokens_millions: 1
    hours_per_million_tokens: 2
plans:
  own: {held: {n: {gpus: 8, nodes: 1, usd_per_node_h: 2.1}}}
  api: {api: {usd_per_million_tokens: 5}}
"""
"""Runs come at 6, 12, ... h, 39 of them; a node costs 504 USD and carries 12 a day; the API takes 5 USD a run."""


def turns(found, names=None, replications=2, jobs=1, **settings):
    """Every turn by the lever's name and the side."""
    study = run(found, replications, jobs=1)
    chosen = [each for each in levers(found) if names is None or each.name in names]
    known = turning_points(study, chosen, replications, jobs, **settings)
    return {(each.lever.name, each.side): each for each in known}


@pytest.fixture(scope="module")
def by_hand():
    return turns(scenario(WORLD))


@pytest.mark.parametrize(
    ("lever", "side", "at", "times"),
    [
        ("training_price", "up", 504 / 39, 504 / 39 / 5),
        ("n_price", "down", 39 * 5 / 240, 2.1 * 240 / (39 * 5)),
        ("tuning_rate", "up", 10.1, 10.1 / 4),  # the 101st run comes within ten days: 505 USD
    ],
)
def test_turns_known_by_arithmetic(by_hand, lever, side, at, times):
    turn = by_hand[lever, side]
    assert turn.to == "own"
    assert turn.reason is None
    assert turn.at.value == pytest.approx(at, rel=1e-6)
    assert turn.at.low - 1e-6 <= at <= turn.at.high + 1e-6
    assert turn.times().value == pytest.approx(times, rel=1e-6)
    assert turn.at.high - turn.at.low < 1e-3 * at


@pytest.mark.parametrize(
    ("lever", "side", "reason"),
    [
        ("training_price", "down", "at 0 USD per million tokens `own` still costs 504 USD more than `api`"),
        ("n_price", "up", "at 21 USD/h `own` still costs 25.8 times what `api` does"),  # 5,040 over 195 USD
        ("tuning_rate", "down", "at 0.3333 a day `own` still costs 33.6 times what `api` does"),  # 3 runs, 15 USD
        ("tuning_speed", "up", "at 4,167 tokens/s `own` still costs 2.58 times what `api` does"),
        ("own_nodes", "up", "at 4 nodes `own` still costs 10.3 times what `api` does"),
    ],
)
def test_what_never_turns_says_how_far_it_still_is(by_hand, lever, side, reason):
    turn = by_hand[lever, side]
    assert (turn.at.value, turn.to, turn.times().value) == (None, None, None)
    assert turn.reason == reason


def test_a_side_without_room_is_left_out(by_hand):
    assert ("own_nodes", "down") not in by_hand  # no nodes at all would be no plan


def test_the_verdict_turns_where_the_cheapest_ceases_to_do_the_work():
    """122 runs come when more than 12.2 a day do; 120 can start, and 2 of 122 are more than one in a hundred."""
    found = turns(scenario(WORLD, {"plans.api.api.usd_per_million_tokens": 20}), ["tuning_rate"])
    turn = found["tuning_rate", "up"]
    assert turn.at.value == pytest.approx(12.2, rel=0.005)
    assert turn.to == "api"
    assert turn.reason.startswith("`own` does the work no further: 1.64 % of the jobs of class `tuning` had not")


def test_the_verdict_turns_where_a_cheaper_plan_begins_to_do_the_work():
    settings = {"workload.tuning.arrivals.rate_per_day": 16}
    found = turns(scenario(WORLD, settings), ["tuning_rate"])
    turn = found["tuning_rate", "down"]
    assert turn.at.value == pytest.approx(12.2, rel=0.005)
    assert (turn.to, turn.reason) == ("own", "`own` begins to do the work there")
    assert turn.times().value == pytest.approx(16 / 12.2, rel=0.005)


def test_whole_numbers_turn_at_the_first_at_which_the_other_plan_is_cheaper():
    """Three nodes cost 1,512 USD, two 1,008, one 504; the API 15 USD a run, 585 in all."""
    settings = {"plans.own.held.n.nodes": 3, "plans.api.api.usd_per_million_tokens": 15}
    turn = turns(scenario(WORLD, settings), ["own_nodes"])["own_nodes", "down"]
    assert (turn.at.value, turn.to, turn.times().value) == (1.0, "own", 3.0)
    back = turns(scenario(WORLD, settings | {"plans.own.held.n.nodes": 1}), ["own_nodes"])["own_nodes", "up"]
    assert (back.at.value, back.to) == (2.0, "api")


def test_the_nearest_of_several_rivals_turns_it():
    more = {"plans.dear": {"held": {"n": {"gpus": 8, "nodes": 1, "usd_per_node_h": 4}}}}
    turn = turns(scenario(WORLD, more), ["training_price"])["training_price", "up"]
    assert (turn.at.value, turn.to) == (pytest.approx(504 / 39), "own")
    cheap = {"plans.cheap": {"held": {"n": {"gpus": 8, "nodes": 1, "usd_per_node_h": 1}}}}
    turn = turns(scenario(WORLD, cheap), ["training_price"])["training_price", "up"]
    assert (turn.at.value, turn.to) == (pytest.approx(240 / 39), "cheap")  # negative control


def test_no_verdict_and_no_rival_are_said():
    alone = turns(scenario(WORLD, {"plans": {"api": {"api": {"usd_per_million_tokens": 5}}}}), ["training_price"])
    assert {each.reason for each in alone.values()} == {"there is no other plan"}
    plans = {"own": {"held": {"n": {"gpus": 8, "nodes": 1, "usd_per_node_h": 2.1}}}}
    over = scenario(WORLD, {"plans": plans, "workload.tuning.arrivals.rate_per_day": 30})
    assert {each.reason for each in turns(over, ["n_price"]).values()} == {"no plan does the work now"}


def test_the_articles_api_price_is_that_of_break_even():
    """On-demand nodes take 65.55 USD for a run of 2 h; the API 8."""
    found = scenario(ARTICLE, {"horizon_days": 60})
    turn = turns(found, ["openai_2023_08_price"], 8)["openai_2023_08_price", "up"]
    assert turn.to == "on_demand"
    price = {"plans.api.api": {"usd_per_million_tokens": 8}, "horizon_days": 60}
    key = "plans.api.api.usd_per_million_tokens"
    same = sim.break_even(scenario(ARTICLE, price), key, (8, 320), ["api", "on_demand"], True, 8, jobs=1)
    at = same.pair("api", "on_demand").crossings[0].at
    assert turn.at.low <= at.value <= turn.at.high
    assert at.low <= turn.at.value <= at.high
    assert turn.at.value == pytest.approx(2 * 32.7726, rel=0.01)
    assert turn.at.high - turn.at.low < 0.02 * turn.at.value
    none = turns(found, ["tuning_rate"], 4)["tuning_rate", "up"]
    assert none.at.value is None


def test_the_article_at_90_percent_turns_where_what_flips_the_article_says():
    """HELD and STAFF over the API's bill of 10.8 runs a day, as in test_experiments_flips."""
    times = (19.22 * 8760 + 200_000) / (10.8 * 365 * 8)
    plans = {
        "reserved": {
            "held": {"p4d": {"gpus": 8, "nodes": 1, "usd_per_node_h": 19.22}},
            "staff": {"engineers": 1, "usd_per_year": 200_000},
        },
        "api": {"api": {"usd_per_million_tokens": 8, "hours_per_million_tokens": 1.25}},
    }
    rate = {"workload.tuning.arrivals.rate_per_day": 10.8}
    found = load(shipped("scenarios") / "article.yaml", {"horizon_days": 73, "plans": plans, **rate})
    known = turns(found, replications=4)
    turn = known["training_price", "up"].times()
    assert turn.low <= times <= turn.high
    assert turn.high - turn.low < 0.2 * times
    assert known["staff_pay", "down"].at.value is None
    assert known["staff_pay", "down"].still == pytest.approx(19.22 * 8760 / (10.8 * 365 * 8), rel=0.1)
    assert known["p4d_price", "down"].still == pytest.approx(200_000 / (10.8 * 365 * 8), rel=0.1)


@pytest.mark.parametrize("name", ["article", "elastic", "commitment", "limits", "startup_chat"])
def test_bills_along_a_price_are_those_of_the_scenario_with_that_price(name):
    """Straight lines from two values are not trusted: other values are simulated."""
    short = {"horizon_days": 0.02, "warm_up_days": 0} if name in ("limits", "startup_chat") else {"horizon_days": 6}
    found = load(shipped("scenarios") / f"{name}.yaml", short)
    study = run(found, 2, jobs=1)
    for lever in levers(found):
        if lever.kind not in MONEY:
            continue
        along = Moving.of(study, lever, 2, map)
        for value in (0.37 * lever.value, lever.high):
            simulated = run(moved(found, {lever.name: value}), 2, jobs=1)
            for plan, outcome in simulated.outcomes.items():
                assert along.bills(value, plan).tolist() == pytest.approx(outcome.bills.tolist(), rel=1e-9, abs=1e-12)


def test_the_same_bytes_whatever_the_threads():
    found = scenario(ARTICLE, {"horizon_days": 30})
    study = run(found, 6, jobs=1)
    names = ("tuning_rate", "openai_2023_08_price", "reserved_nodes")
    chosen = [each for each in levers(found) if each.name in names]
    first, second = (turning_result(study, turning_points(study, chosen, 3, jobs), 3) for jobs in (1, 3))
    assert plain(first) == plain(second)
    assert len(plain(first)["turns"]) == 5
    assert plain(first)["verdict"] == "api"


def test_it_is_told_and_written():
    found = scenario(WORLD)
    study = run(found, 2, jobs=1)
    chosen = [each for each in levers(found) if each.name in ("tuning_rate", "n_price", "own_nodes")]
    result = turning_result(study, turning_points(study, chosen, 2, 1), 2)
    text = turning_text(result)
    lines = text.splitlines()
    assert lines[0] == "`api` is the cheapest until one of these moves so far, alone"
    turned = [line for line in lines if line.endswith("own") and "  " in line]
    assert [line.split("  ")[0] for line in turned] == ["runs a day", "price of a node, n"]  # the nearest first
    assert "2.53" in turned[0]
    assert "0.8125" in turned[1]
    assert "nodes, own: at 4 nodes `own` still costs 10.3 times what `api` does" in text
    assert max(map(len, lines)) <= 80
    rows = turning_csv(result).splitlines()
    assert rows[0].startswith("lever,kind,label,unit,basis,now,side,value,low,high")
    assert len(rows) == 1 + 5
    assert rows[-1].startswith("n_price,node_price,") or rows[-2].startswith("n_price,node_price,")
    none = result | {"verdict": None, "turns": []}
    assert turning_text(none).strip() == "No plan does the work, so there is no verdict to turn."


def test_progress_counts_levers():
    said = []
    turns(scenario(WORLD), ["n_price", "own_nodes"], progress=lambda *each: said.append(each))
    assert said == [(1, 2), (2, 2)]
