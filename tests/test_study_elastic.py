"""Studies of plans whose nodes come and go: hazards drawn as needed, nodes lent, what is told of them."""

import dataclasses
import math
import sys

import numpy as np
import pytest
from refusals import flat
from studies import bytes_of
from worlds import scenario

from sim.engine.workload import Sizes
from sim.ground.estimate import Estimate
from sim.ground.faults import InputError
from sim.ground.files import shipped
from sim.ground.hires import Hires
from sim.ground.jobs import Fleet, Paths, Recovery, Rows, Stints
from sim.ground.scenario import load
from sim.ground.units import NEVER, tick
from sim.questions.tables import study_text
from sim.study import as_json, elastic, run, tuning
from sim.study import simulate as simulation

NODE = {"instance": "p4d.24xlarge"}
SPOT = NODE | {
    "rate": "spot",
    "boot_minutes": {"law": "exponential", "mean": 6},
    "lifetime_hours": {"law": "exponential", "mean": 4},
    "available_share": 0.7,
}
SAVES = {"interval_minutes": 30, "cost_minutes": 1}
ELASTIC = {
    "horizon_days": 40,
    "plans.spot": {"hired": {"p4d": SPOT}, "checkpoints": SAVES, "restart_minutes": 3},
    "plans.failing": {
        "held": {"p4d": NODE | {"nodes": 1, "rate": "reserved_1y", "failures": {"up_hours": 50, "repair_hours": 8}}},
        "hired": {"more": NODE | {"rate": "on_demand", "after_minutes": 60, "maximum": 2, "idle_release_minutes": 10}},
        "api": {"offer": "openai_2023_08"},
        "patience_hours": 6,
        "preempt": True,
    },
}
QUICK = {"target": 1, "maximum": 1, "tick_s": 0.1}
CHAT = {
    "kind": "inference",
    "arrivals": {"law": "poisson", "rate_per_second": 0.002},
    "prompt_tokens": 500,
    "output_tokens": 100,
}


def shared(**serve):
    """The article's work beside a little chat, on two nodes of which one is lent at night."""
    rules = {
        "model": "llama_3_1_8b",
        "schedule": [{"from_hour": 8, "nodes": 2}, {"from_hour": 20, "nodes": 1}],
        **serve,
    }
    held = {"chat": NODE | {"nodes": 2, "rate": "reserved_1y", "serve": rules}}
    world = {"horizon_days": 10, "workload.chat": CHAT, "workload.tuning.arrivals.rate_per_day": 3}
    api = {"inference_offer": "openai_gpt_35_turbo_2023_06", "ttft_s": 1, "seconds_per_output_token": 0.02}
    plans = {
        "shared": {"held": held, "checkpoints": SAVES},
        "api": {"api": {"offer": "openai_2023_08"} | api},
    }
    return scenario(settings=world | {"plans": plans})


@pytest.fixture(scope="module")
def study():
    return run(scenario(settings=ELASTIC), replications=12)


def test_the_same_bytes_for_any_number_of_threads_and_size_of_pieces(study, monkeypatch):
    world, first = scenario(settings=ELASTIC), bytes_of(study)
    assert bytes_of(run(world, replications=12, jobs=2)) == first
    for size in (1, 300):
        monkeypatch.setattr(simulation, "_JOBS_A_PIECE", size)
        assert bytes_of(run(world, replications=12, jobs=2)) == first
    monkeypatch.setattr(simulation, "_NUMBERS_A_PIECE", 1)
    assert bytes_of(run(world, replications=12)) == first


def test_too_little_drawn_is_drawn_again_and_changes_nothing(study, monkeypatch):
    monkeypatch.setattr(tuning, "first_sizes", lambda *_: Sizes(hires=1, asks=1, slots=1))
    assert bytes_of(run(scenario(settings=ELASTIC), replications=12)) == bytes_of(study)


def test_more_than_fits_into_memory_is_refused_with_a_way_out(monkeypatch):
    monkeypatch.setattr(tuning, "first_sizes", lambda *_: Sizes(hires=1, asks=1, slots=1))
    monkeypatch.setattr(sys.modules["sim.engine.workload.hazards"], "MOST_SIZE", 2)  # the function hides the module
    with pytest.raises(InputError, match=r"needs more .* than fit into memory; lengthen lifetime_hours"):
        run(scenario(settings=ELASTIC), replications=2)


@pytest.mark.parametrize("world", [scenario(settings=ELASTIC), shared(switch_minutes=10, load_minutes=3)])
def test_both_engines_give_the_same_study(world):
    first, second = (as_json(run(world, replications=2, engine=engine).result) for engine in ("kernel", "simpy"))
    assert first == second


def test_every_bill_adds_up(study):
    for outcome in (*study.outcomes.values(), *run(shared(), replications=5).outcomes.values()):
        np.testing.assert_allclose(outcome.total("fully_loaded"), outcome.bills, rtol=1e-9)
        assert (outcome.lines >= 0).all()
        assert (outcome.allocated <= outcome.paid * (1 + 1e-12)).all()


def test_what_is_told_of_nodes_that_come_and_go(study):
    plans = study.result["plans"]
    spot, failing, reserved = (plans[name]["nodes"] for name in ("spot", "failing", "reserved"))
    assert spot["hires"].value > spot["hires_ready"].value > plans["spot"]["classes"]["tuning"]["jobs"].value
    assert spot["interruptions_per_job_hour"].low < 1 / 4 < spot["interruptions_per_job_hour"].high
    best = elastic.best_interval_h(1 / 60, 1 / 4)
    assert spot["checkpoints"]["best_interval_h"].low < best < spot["checkpoints"]["best_interval_h"].high
    assert (spot["coverage"].value, spot["commitment_utilization"].value) == (0, None)
    assert 0.5 < spot["effective_savings_rate"].value < 0.75
    assert spot["lost_usd"].value == pytest.approx(spot["lost_gpu_h"].value * 9.8318 / 8)
    assert 0 < failing["coverage"].value < 1
    assert failing["checkpoints"] is None
    assert failing["lost_gpu_h"].value > 0
    assert reserved["lost_gpu_h"].value == reserved["hires"].value == 0
    assert reserved["coverage"].value == 1
    used = plans["reserved"]["utilization"]["allocated"].value
    assert reserved["commitment_utilization"].value == pytest.approx(used)
    assert reserved["effective_savings_rate"].value == pytest.approx(1 - 19.22 / 32.7726 / used)
    allocated, busy, productive = (
        plans["spot"]["utilization"][kind].value for kind in ("allocated", "busy", "productive")
    )
    assert allocated > busy > productive > 0


def test_the_text_tells_of_them_where_there_are_any(study):
    told = flat(study_text(study.result))
    assert "plan `spot` saves its work every 0.5 h; best for its interruptions: every 0.3" in told
    assert "Commitment used" in told
    assert "Commitment used" not in study_text(run(scenario(settings={"horizon_days": 5}), replications=1).result)


def test_the_best_interval_is_the_one_of_theory():
    assert elastic.best_interval_h(0.02, 0.1) == pytest.approx(0.619193066433585, rel=1e-12)  # Daly 2006, by mpmath
    assert elastic.best_interval_h(0.0, 0.1) == 0
    assert elastic._best_interval(0.02, Estimate(0.0)).value is None
    found = elastic._best_interval(0.02, Estimate(0.1, 0.08, 0.12, 0.01))
    assert found.low == elastic.best_interval_h(0.02, 0.12) < found.value < found.high


def test_wear_by_hand():
    # Nodes of 2 GPUs. A job of 4 GPUs runs 3 h on two nodes and 1 h again; one of 1 GPU runs past the horizon.
    hours = [0, 0, 5, 5, 8]
    stints = Stints(
        np.array([0, 5]),
        np.array([0, 0, 0, 0, 1]),
        *(np.zeros(5, np.int64) for _ in range(2)),
        np.array([tick(each) for each in hours]),
        np.array([tick(each) for each in (3, 3, 6, 6, 13)]),
        *(np.zeros(5, np.int64) for _ in range(3)),
    )
    zeros = np.zeros(2, np.int64)
    paths = Paths(np.array([0, 2]), zeros, zeros, np.array([4, 1]), zeros, zeros, np.zeros(2))
    rows = dataclasses.replace(Rows.writable(2), interrupted=np.array([1, 0]), stints=stints)
    rules = Fleet(2, 2, tick(10))
    assert elastic.wear(paths, rows, rules).tolist() == [[1, 3 + 1 + 2, 1]]
    assert elastic.wear(paths, dataclasses.replace(rows, stints=None), rules).tolist() == [[0, 0, 0]]
    lent = dataclasses.replace(rules, nodes=0, lent=2, recovery=Recovery(tick(1)))  # taken back: it saved its work
    assert elastic.wear(paths, rows, lent).tolist() == [[1, 3 + 1 + 2, 0]]


def test_lending_by_hand():
    # Two nodes, one serves always. Node 1 serves 0 to 20 h and, drained, leaves at 20.5; it is wanted again from 32 to
    # 44, from 44 to 44.2 it is not, and from 60 on it is wanted for good. Changing hands takes half an hour.
    world = shared(switch_minutes=30)
    group = world.plans["shared"].held["chat"]
    hires = Hires(
        np.array([0, 4, 5]),
        np.array([0, 1, 1, 1, 0]),
        np.array([tick(each) for each in (0, 0, 32, 44.2, 0)]),
        np.array([tick(each) for each in (0, 0, 32, 44.2, 0)]),
        np.array([NEVER, tick(20.5), tick(44), tick(60), NEVER]),
    )
    windows = tuning.lending(group, hires, tick(240))
    assert windows.shape == (2, 1, 4)
    assert windows[0, 0].tolist() == [tick(21), tick(32), tick(60.5), NEVER]
    assert windows[1, 0].tolist() == [0, NEVER, NEVER, NEVER]


def test_fine_tunes_run_on_lent_nodes_at_night_only():
    found = run(shared(), replications=3)
    stints = found.experiment.served("shared", found.experiment.work(range(3))).rows.stints
    assert len(stints) > 50
    begins, ends = stints.since % tick(24), np.minimum(stints.until, tick(240)) % tick(24)
    assert ((begins >= tick(20)) | (begins < tick(8))).all()
    assert ((ends >= tick(20)) | (ends <= tick(8))).all()
    plan = found.result["plans"]["shared"]
    assert plan["gpu_hours"]["paid"].value == pytest.approx(2 * 8 * 240)
    assert plan["bill_usd"]["total"].value == pytest.approx(2 * 240 * 19.22)
    assert plan["bill_usd"]["held_used"].value > 50 * 2 * 19.22 / 8


def test_a_plan_of_each_kind_is_shipped_and_runs():
    for name in ("elastic", "shared"):
        world = load(shipped("scenarios") / f"{name}.yaml")
        found = run(world.model_copy(update={"horizon_days": 3.0, "warm_up_days": 0.0}), replications=2)
        totals = [plan["bill_usd"]["total"].value for plan in found.result["plans"].values()]
        assert len(totals) >= 4
        assert all(math.isfinite(total) and total > 0 for total in totals)


def test_a_fleet_is_steady_only_where_nothing_can_happen():
    world = scenario(settings=ELASTIC)
    fleets = {name: tuning.plan_fleet(world, plan) for name, plan in world.plans.items()}
    assert {name for name, each in fleets.items() if isinstance(each, Fleet) and each.steady} == {
        "reserved",
        "on_demand",
        "api",
    }


def test_serving_that_hands_over_before_it_can_grow_is_warned_of():
    serve = {"model": "llama_3_1_8b", "autoscale": {"target": 8, "maximum": 2}, "overflow_above": 8}
    plan = {"hired": {"chat": NODE | {"rate": "on_demand", "serve": serve}}}
    api = {"inference_offer": "openai_gpt_35_turbo_2023_06", "ttft_s": 1, "seconds_per_output_token": 0.02}
    world = {"horizon_days": 0.1, "workload": {"chat": CHAT}, "plans": {"auto": plan | {"api": api}}}
    warned = [entry["code"] for entry in run(scenario(settings=world), replications=1).result["warnings"]]
    assert "never_grows" in warned
    serve["overflow_above"] = 9
    warned = [entry["code"] for entry in run(scenario(settings=world), replications=1).result["warnings"]]
    assert "never_grows" not in warned


def test_dedicated_adapters_do_not_come_and_go():
    adapters = {"placement": "dedicated"}
    with pytest.raises(
        InputError, match=r"must have adapters shared with `schedule`, because dedicated replicas do not"
    ):
        shared(adapters=adapters)


def test_frames_of_stints_and_hires(study):
    jobs, stints, hires = study.jobs("spot", 2), study.stints("spot", 2), study.hires("spot", 2)
    assert stints["job"].nunique() == len(jobs)
    assert (stints.groupby("job").size() == jobs["interrupted"] + 1).all()
    assert (stints.groupby("job")["since_h"].min() == jobs["start_h"]).all()
    assert (stints["hire"] >= 0).all()
    assert set(hires["group"]) == {""}
    ready = hires.loc[stints["hire"], "ready_h"].to_numpy()
    assert (ready <= stints["since_h"]).all()
    assert hires["ready_h"].isna().any()  # some orders were cancelled
    assert study.stints("reserved").empty
    assert study.hires("reserved").empty
    assert list(study.hires("reserved").columns) == list(hires.columns)
    lent = run(shared(), replications=1)
    assert set(lent.hires("shared")["group"]) == {"chat"}
    with pytest.raises(InputError, match="plan"):
        study.stints("spott")


def test_a_plan_whose_jobs_never_end_is_not_ranked():
    # Runs of 24 h on nodes that live 3 h, without checkpoints: hardly one ends.
    spot = NODE | {"rate": "spot", "lifetime_hours": {"law": "exponential", "mean": 3}}
    world = {"workload.tuning.hours_per_million_tokens": 24, "horizon_days": 90, "plans.spot": {"hired": {"p4d": spot}}}
    found = run(scenario(settings=world), replications=2).result
    assert not found["plans"]["spot"]["eligible"]
    assert "were interrupted and had not ended in twice the time they need" in found["plans"]["spot"]["reason"]
    assert found["plans"]["on_demand"]["eligible"]
    assert found["comparison"]["probability_cheapest"]["spot"].value is None


def test_small_jobs_cost_the_same_with_and_without_a_last_bit_of_friction():
    small = {"workload.tuning.gpus": 1, "workload.tuning.arrivals.rate_per_day": 60, "horizon_days": 20}
    node = {"gpus": 8, "usd_per_node_h": 10}
    plans = {"free": {"hired": {"n": node}}, "most": {"hired": {"n": node | {"maximum": 1000}}}}
    found = run(scenario(settings=small | {"plans": plans}), replications=2)
    assert found.outcomes["free"].bills.tolist() == found.outcomes["most"].bills.tolist()
    assert found.result["plans"]["free"]["utilization"]["allocated"].value > 0.3  # eight share a node


def test_work_that_never_ends_is_not_ranked_whatever_is_settled():
    spot = NODE | {"rate": "spot", "lifetime_hours": {"law": "exponential", "mean": 1}}
    world = {"workload.tuning.hours_per_million_tokens": 24, "horizon_days": 60, "plans.spot": {"hired": {"p4d": spot}}}
    settled = world | {"equal_work.settle_usd_per_job": 1}
    assert not run(scenario(settings=settled), replications=1).result["plans"]["spot"]["eligible"]


def test_more_nodes_than_the_clock_can_tell_apart_are_refused():
    burst = {
        "workload.tuning": {"kind": "fine_tune", "gpus": 8, "jobs": [{"arrival_hours": 1, "service_hours": 1}] * 300}
    }
    node = {"gpus": 8, "usd_per_node_h": 1, "boot_minutes": 6}
    world = {"horizon_days": 100_000, "plans": {"burst": {"hired": {"n": node}}}} | burst
    with pytest.raises(InputError, match="too many for a clock of so many days; state `maximum` or"):
        run(scenario(settings=world), replications=1)


def test_lent_nights_lose_nothing_so_nothing_need_be_saved():
    plan = run(shared(), replications=3).result["plans"]["shared"]["nodes"]
    assert plan["interruptions_per_job_hour"].value > 0
    assert plan["lost_gpu_h"].value == 0
    assert plan["checkpoints"]["best_interval_h"].value is None


def test_spot_for_ever_and_work_that_is_not_saved_are_warned_of():
    for hired, code in (({}, "spot_for_ever"), ({"lifetime_hours": 5}, "nothing_saved")):
        world = {"horizon_days": 5, "plans.spot": {"hired": {"p4d": NODE | {"rate": "spot"} | hired}}}
        assert code in [entry["code"] for entry in run(scenario(settings=world), replications=1).result["warnings"]]


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("retry_minutes", 0.01, "retry_minutes must be longer, for at most 40,000,000 askings fit within horizon_days"),
        (
            "serve",
            {"model": "llama_3_1_8b", "autoscale": {"target": 1, "maximum": 1, "tick_s": 0.1}},
            "tick_s must be longer",
        ),
    ],
)
def test_looks_and_askings_are_bounded(key, value, rule):
    node = NODE | {"rate": "on_demand", key: value}
    settings = {"plans.x": {"hired": {"n": node | ({"available_share": 0.5} if key != "serve" else {})}}}
    settings |= {"workload.chat": CHAT, "plans.x.api": {"inference_offer": "openai_gpt_35_turbo_2023_06"}}
    with pytest.raises(InputError, match=rule):
        scenario(settings=settings)
