"""The fast answer: every number is that of a run, whatever was computed before; budgets by hand."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sim
from sim.doors.live.answer import answer, look
from sim.doors.live.budget import points_paths, round_of, rounds
from sim.doors.live.cells import SupersededError
from sim.doors.live.look import Look
from sim.doors.live.physics import physics_key, price_key, world_key
from sim.doors.live.store import Store, size_of
from sim.ground.estimate import Estimate
from sim.ground.files import shipped
from sim.ground.scenario.levers import levers, moved
from sim.study import as_json
from sim.study.simulate import Experiment


def scenario(name: str, **put: Any) -> sim.Scenario:
    return sim.load(
        shipped("scenarios") / f"{name}.yaml", {key.replace("__", "."): value for key, value in put.items()}
    )


def fresh(of: Look) -> Look:
    """The same look with nothing kept."""
    return replace(of, store=Store())


SMALL = scenario("article", horizon_days=20)
LOOK = look(SMALL)


def told(each: dict[str, Any]) -> dict[str, Any]:
    """An answer without the time that it took."""
    return {key: value for key, value in each.items() if key != "took_ms"}


def known(found: dict[str, Any]) -> Any:
    """An estimate of a result file as an answer gives it."""
    return None if found["value"] is None else {key: found[key] for key in ("value", "low", "high")}


def check_plans(given: dict[str, Any], result: dict[str, Any]) -> None:
    """Hold every number of the plans to a run's result file."""
    assert [plan["name"] for plan in given["plans"]] == list(result["plans"])
    for plan in given["plans"]:
        mine = result["plans"][plan["name"]]
        assert (plan["eligible"], plan["reason"]) == (mine["eligible"], mine["reason"])
        assert plan["bill"] == known(mine["bill_usd"]["total"])
        assert plan["chance"] == known(result["comparison"]["probability_cheapest"][plan["name"]])
        kinds = {each["kind"] for each in mine["classes"].values()}
        assert plan["utilization"] == known(mine["utilization"]["allocated" if "fine_tune" in kinds else "busy"])
        idle = sum(mine["bill_usd"][f"{way}_idle"]["value"] for way in ("held", "on_demand", "spot"))
        assert plan["idle_usd"]["value"] == pytest.approx(idle, rel=1e-9, abs=1e-6)
        for name, each in plan["classes"].items():
            check_class(each, mine["classes"][name])


def check_class(each: dict[str, Any], mine: dict[str, Any]) -> None:
    """Hold every number of a class to a run's result file; requests are told by the thousand."""
    cost, asked = mine["cost_per_job_usd"]["fully_loaded"], mine["kind"] == "inference"
    waits = mine["ttft_s"]["all"] if asked else mine["wait_h"]
    assert each["censored"] == mine["censored"]
    for key in ("mean", "p95"):
        assert each["wait"][key] == known(waits[key])
    for key in ("mean", "p5", "p50", "p95"):
        if not asked:
            assert each["cost"][key] == known(cost[key])
        elif cost[key]["value"] is None:
            assert each["cost"][key] is None
        else:
            assert each["cost"][key]["value"] == pytest.approx(1000 * cost[key]["value"], rel=1e-11)
    if asked:
        assert each["usd_per_million_output_tokens"] == known(mine["usd_per_million_output_tokens"])


@pytest.mark.parametrize("paths", [1, 2, 8, 13, 32])
def test_numbers_at_the_position_are_those_of_a_run(paths: int) -> None:
    values = {"tuning_rate": 9.0, "p4d_reserved_price": 15.0}
    found = answer(fresh(LOOK), values, paths)
    study = sim.run(moved(SMALL, values), paths)
    assert found["paths"] == paths
    check_plans(found, as_json(study.result))
    assert found["warnings"] == study.result["warnings"]
    assert found["verdict"]["plan"] == study.result["comparison"]["cheapest"]
    assert f"of {paths} paths" in found["verdict"]["sentence"]


@pytest.mark.parametrize("name", ["starter", "spot", "night", "commitment", "research_tunes", "shared", "chat"])
def test_numbers_of_other_work_are_those_of_a_run(name: str) -> None:
    days = {"starter": 30, "spot": 60, "night": 10, "commitment": 4, "research_tunes": 15, "shared": 3, "chat": 0.012}
    asked = scenario(name, horizon_days=days[name])
    found = answer(fresh(look(asked)), {}, 4)
    assert found["shortened"] is None
    check_plans(found, as_json(sim.run(asked, 4).result))


def test_numbers_along_the_curve_are_those_of_a_sweep() -> None:
    """Every point at its own number of paths, some of them dear enough to have fewer."""
    found = answer(fresh(LOOK), {"p4d_reserved_price": 15.0}, 32)
    curve, key = found["curve"], "workload.tuning.arrivals.rate_per_day"
    assert (curve["lever"], curve["now"], len(curve["x"])) == ("tuning_rate", 6.0, 9)
    at = moved(SMALL, {"p4d_reserved_price": 15.0})
    for k, (place, paths) in enumerate(zip(curve["x"], curve["paths"], strict=True)):
        result = as_json(sim.sweep(at, {key: [place]}, paths).cells[0].result)
        assert curve["cheapest"][k] == result["comparison"]["cheapest"]
        for name, line in curve["plans"].items():
            mine = result["plans"][name]
            cost, lists = mine["classes"]["tuning"]["cost_per_job_usd"]["fully_loaded"], line["classes"]["tuning"]
            assert line["eligible"][k] == mine["eligible"]
            assert lists["wait_p95"][k] == mine["classes"]["tuning"]["wait_h"]["p95"]["value"]
            for each in ("mean", "p5", "p50", "p95"):
                assert lists[each][k] == cost[each]["value"]


def test_curve_along_another_lever() -> None:
    found = answer(fresh(LOOK), {"reserved_nodes": 2.0}, curve="reserved_nodes")["curve"]
    assert (found["x"], found["now"]) == ([1, 2, 3, 4], 2)
    with pytest.raises(sim.InputError, match="did you mean `reserved_nodes`"):
        answer(LOOK, {}, curve="reserved_node")


MOVES = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "tuning_rate": st.sampled_from([3.0, 9.0, 30.0]),
            "tuning_burstiness": st.sampled_from([0.5, 2.0]),
            "p4d_reserved_price": st.sampled_from([5.0, 40.0]),
            "openai_2023_08_price": st.sampled_from([4.0, 80.0]),
            "hybrid_patience": st.sampled_from([0.0, 12.0]),
            "reserved_nodes": st.sampled_from([2.0, 4.0]),
            "staff_pay": st.sampled_from([0.0, 100_000.0]),
        },
    ),
    min_size=2,
    max_size=5,
)


@settings(max_examples=8, deadline=None)
@given(moves=MOVES, paths=st.sampled_from([None, 2, 13]), room=st.sampled_from([200_000, 3_000_000, 2**28]))
def test_what_is_kept_never_changes_a_number(moves: list[dict[str, float]], paths: int | None, room: int) -> None:
    """Through a walk of moves with little or much room, each answer is that of nothing kept."""
    walked = replace(LOOK, store=Store(room))
    for values in moves:
        assert told(answer(walked, values, paths)) == told(answer(fresh(LOOK), values, paths))
    assert walked.store.bytes <= room


def served(experiment: Experiment, plan: str) -> list[Any]:
    """What became of the work of two replications under a plan."""
    rows = experiment.served(plan, experiment.work(range(2)))
    return [rows.rows, *(each for _, _, each in rows.requests)]


@pytest.mark.parametrize("name", sorted(file.stem for file in shipped("scenarios").glob("*.yaml")))
def test_only_prices_leave_what_happens_alone(name: str) -> None:
    """A lever of money changes no key of what happens, and every other lever changes one."""
    base = scenario(name)
    for lever in levers(base):
        value = lever.high if lever.value != lever.high else lever.low
        other = moved(base, {lever.name: value}, levers(base))
        happens = [
            (world_key(each, 1), *(physics_key(each, plan) for plan in each.plans.values())) for each in (base, other)
        ]
        paid = [(world_key(each, 1), *map(price_key, each.plans.values())) for each in (base, other)]
        assert (happens[0] == happens[1]) == (lever.kind in ("node_price", "api_price", "staff")), lever.name
        assert paid[0] != paid[1]


@pytest.mark.parametrize(("name", "days"), [("elastic", 5), ("night", 8), ("limits", 0.01), ("starter", 20)])
def test_prices_leave_what_happens_alone(name: str, days: float) -> None:
    """Rows served under other prices are the same rows."""
    base = scenario(name, horizon_days=days)
    known_levers = levers(base)
    prices = {each.name: each.high for each in known_levers if each.kind in ("node_price", "api_price", "staff")}
    pair = [Experiment.of(each, 5) for each in (base, moved(base, prices, known_levers))]
    for plan in base.plans:
        for one, other in zip(*(served(each, plan) for each in pair), strict=True):
            assert (one.start == other.start).all()
            assert (one.end == other.end).all()
            assert (one.outcome == other.outcome).all()


def test_moving_a_price_serves_nothing_again(monkeypatch: pytest.MonkeyPatch) -> None:
    walked = fresh(LOOK)
    answer(walked, {}, 8)

    def refuse(*_: Any) -> None:
        raise AssertionError("was served again")

    monkeypatch.setattr(Experiment, "served", refuse)
    answer(walked, {"p4d_reserved_price": 15.0, "openai_2023_08_price": 12.0}, 8)
    with pytest.raises(AssertionError, match="again"):
        answer(walked, {"tuning_burstiness": 2.0}, 8)


def test_moving_along_the_curve_leaves_the_curve_alone() -> None:
    walked = fresh(LOOK)
    first, second = (answer(walked, {"tuning_rate": rate})["curve"] for rate in (6.0, 13.0))
    assert (first.pop("now"), second.pop("now")) == (6.0, 13.0)
    assert first == second
    assert answer(walked, {"staff_pay": 0.0})["curve"]["id"] != first["id"]


def test_refining_simulates_only_what_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    walked, drawn = fresh(LOOK), []
    work = Experiment.work

    def note(self: Experiment, replications: Any) -> Any:
        drawn.append((float(self.scenario.workload["tuning"].arrivals.rate_per_day), list(replications)))
        return work(self, replications)

    monkeypatch.setattr(Experiment, "work", note)
    first = answer(walked, {"tuning_rate": 7.0}, 8)
    assert first["next_paths"] == 32
    answer(walked, {"tuning_rate": 7.0}, 32)
    at = [number for rate, numbers in drawn if rate == 7.0 for number in numbers]
    assert at == list(range(32))


def test_threads_do_not_matter() -> None:
    """Two questions at once give what each gives alone."""
    shared = fresh(LOOK)
    asked = [{"tuning_rate": 9.0}, {"tuning_rate": 9.0}, {"tuning_burstiness": 0.5}, {"p4d_reserved_price": 4.0}]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda values: told(answer(shared, values, 8)), asked))
    assert [json.dumps(each) for each in found] == [
        json.dumps(told(answer(fresh(LOOK), values, 8))) for values in asked
    ]


def test_superseded_questions_are_left_at_once() -> None:
    looked = fresh(LOOK)
    times: list[int] = []

    def after_three() -> bool:
        times.append(1)
        return len(times) > 3

    with pytest.raises(SupersededError, match="superseded"):
        answer(looked, {}, 8, after_three)
    assert len(times) == 4
    assert told(answer(looked, {}, 8)) == told(answer(fresh(LOOK), {}, 8))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"tuning_rat": 3.0}, "'tuning_rat': is no lever of `article`; did you mean `tuning_rate`?"),
        ({"tuning_rate": 1e9}, "tuning_rate: must be a number from 0.5 to 72, got 1000000000.0"),
        ({"tuning_rate": float("nan")}, "tuning_rate: must be a number from 0.5 to 72, got nan"),
        ({"reserved_nodes": 1.5}, "reserved_nodes: must be a whole number from 1 to 4, got 1.5"),
        ({"<script>\n": 1.0}, "'<script>\\\\n': is no lever of `article`; choose from"),
    ],
)
def test_wrong_values_are_refused_in_one_line(values: dict[str, float], message: str) -> None:
    with pytest.raises(sim.InputError) as refused:
        answer(LOOK, values)
    assert str(refused.value).startswith(message.replace("\\\\", "\\"))
    assert "\n" not in str(refused.value)


def test_rounds_by_hand() -> None:
    """8 paths first where they fit 80,000; four times as many each round; the last within 2,000,000."""
    assert rounds(1_000, False) == [(8, 1.0), (32, 1.0), (128, 1.0), (200, 1.0)]
    assert rounds(10_001, False) == [(2, 1.0), (8, 1.0), (32, 1.0), (128, 1.0)]
    assert rounds(100_000, False) == [(2, 0.4), (8, 1.0)]
    assert rounds(1_000_000, False) == [(2, 0.04), (8, 0.25)]
    assert rounds(1_000_000, True) == [(2, 0.2), (8, 0.5)]
    assert rounds(0, False)[-1] == (200, 1.0)


def test_a_question_for_paths_by_hand() -> None:
    first = round_of(None, 1_000, False)
    assert (first.paths, first.share, first.next_paths, first.most_paths, first.first) == (8, 1.0, 32, 200, True)
    last = round_of(5_000, 1_000, False)
    assert (last.paths, last.next_paths, last.first) == (200, None, False)
    assert round_of(20, 1_000, False).next_paths == 32
    assert round_of(8, 1_000_000, False).share == 0.25
    assert round_of(3, 1_000_000, False).share == 0.04


def test_points_of_a_curve_by_hand() -> None:
    """80,000 for 4 points: 20,000 each; what does not fit what is left waits for the next round."""
    works = [1_000.0, 10_000.0, 30_000.0, 60_000.0]
    assert points_paths(works, [1, 0, 2, 3], 8, True) == [2, 2, 1, 0]
    assert points_paths(works, [3, 0, 1, 2], 8, True) == [2, 0, 0, 1]
    assert points_paths(works, [1, 0, 2, 3], 200, False) == [32, 32, 32, 8]
    assert points_paths([0.0], [0], 8, True) == [2]
    assert points_paths([1e9, 1e9], [1, 0], 8, True) == [0, 1]


def test_shortened_answers_are_those_of_a_shorter_run() -> None:
    """Of a heavy scenario the beginning is looked at first, which is said; the numbers are those of that beginning."""
    base = scenario("chat")
    found = answer(fresh(look(base)), {})
    assert found["shortened"] == "first 22.2 min of 72 min"
    days, warm = found["horizon_days"], min(0.01, 0.2 * found["horizon_days"])
    assert days == pytest.approx(0.37 / 24, rel=1e-12)
    again = scenario("chat", horizon_days=days, warm_up_days=warm)
    check_plans(found, as_json(sim.run(again, found["paths"]).result))


def test_store_lets_go_of_what_was_asked_for_longest_ago() -> None:
    import numpy as np

    store = Store(12_000)
    for name in "abc":
        store.put(name, np.zeros(125))  # 1,000 bytes, and 2,000 of the place
    assert (store.get("a") is not None, store.bytes) == (True, 9_000)
    store.put("d", np.zeros(125))
    store.put("e", np.zeros(125))
    assert [name for name in "abcde" if store.get(name) is not None] == ["a", "c", "d", "e"]
    store.put("f", np.zeros(500))  # more than a quarter
    assert store.get("f") is None
    values = np.zeros(10)
    assert size_of([values, values, {"of": values[:5]}]) == 80
    assert size_of(Estimate(1.0)) == 0


def test_answers_are_small() -> None:
    found = answer(fresh(look(scenario("elastic", horizon_days=20))), {}, 8)
    assert len(json.dumps(found)) < 40_000
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_a_look_tells_what_there_is() -> None:
    file = shipped("scenarios") / "article.yaml"
    told_ = look(sim.load(file), file.read_text()).as_json()
    assert told_["question"].startswith("The question of")
    assert told_["teaches"].startswith("at the article's own numbers")
    assert told_["classes"] == [{"name": "tuning", "kind": "fine_tune", "money": "USD a run", "wait": "wait, h"}]
    assert told_["curve_levers"][0] == "tuning_rate"
    assert {lever["name"] for lever in told_["levers"]} == set(told_["curve_levers"])
    assert json.loads(json.dumps(told_)) == told_
