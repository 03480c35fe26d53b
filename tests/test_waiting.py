"""What waiting costs: worlds worked out by hand, the M/M/c queue, and what the door refuses."""

import numpy as np
import pytest
from ledgers import chats
from worlds import HELD, NOT_STARTED, scenario

from sim.engine.money import LINES
from sim.engine.money.waiting import left_queue
from sim.ground.faults import InputError
from sim.ground.jobs import REFUSED
from sim.ground.scenario import Tree, build
from sim.study.pieces import run_all
from sim.study.simulate import Experiment

PENALTIES = LINES.index("penalties")
NODE = {"gpus": 1, "nodes": 1, "usd_per_node_h": 1}


def tunes(*rows, **more):
    """A class of fine-tunes, each (arrival in h, service in h)."""
    listed = [{"arrival_hours": at, "service_hours": takes} for at, takes in rows]
    return {"kind": "fine_tune", "jobs": listed} | more


def penalties(workload, plan, engine, hours=10, warm_up=0, **settings):
    """Charge a world: the penalties, the rest of the bill, then of each side what its jobs cost, plain and loaded."""
    values = {
        "name": "hand",
        "seed": 1,
        "horizon_days": hours / 24,
        "warm_up_days": warm_up / 24,
        "workload": workload,
        "plans": {"plan": plan},
    }
    ready = Experiment.of(build(Tree(values | settings)), 1, engine)
    outcome, shares = ready.charged("plan", ready.served("plan", ready.work(range(1))))
    lines = outcome.lines[0]
    costs = [(each.attributed.tolist(), each.fully_loaded.tolist()) for each in shares]
    return float(lines[PENALTIES]), float(lines.sum() - lines[PENALTIES]), *costs


def near(expected):
    """Equal but for rounding."""
    return pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.fixture(params=["kernel", "simpy"])
def engine(request):
    """Each engine in turn."""
    return request.param


def test_each_hour_of_waiting_is_paid_at_the_price_of_the_class(engine):
    """One node: jobs of 4 h at 0, 1 and 2 start at 0, 4 and 8: those of class `b` wait 3 h at 5 USD."""
    work = {"a": tunes((0, 4), (2, 4), wait_usd_per_hour=2), "b": tunes((1, 4), wait_usd_per_hour=5)}
    usd, rest, (attributed, loaded) = penalties(work, {"held": {"n": NODE}}, engine)
    assert (usd, rest) == near((6 * 2 + 3 * 5, 10))
    assert attributed == near([4, 4 + 15, 2 + 12])  # the last one runs for 2 h until the clock stops
    assert loaded == near(attributed)


@pytest.mark.parametrize("rule", ["gpu_time", "equal", "platform"])
def test_it_is_a_job_s_own_cost_under_every_rule(engine, rule):
    """A node of 3 free hours: what waiting costs stays with who waited; without a price nothing changes."""
    work, plan = {"a": tunes((0, 4), (1, 3))}, {"held": {"n": NODE}}
    before = penalties(work, plan, engine, allocation={"rule": rule})
    priced = {"a": work["a"] | {"wait_usd_per_hour": 7}}
    after = penalties(priced, plan, engine, allocation={"rule": rule})
    assert before[0] == 0
    assert after[:2] == near((21, before[1]))
    assert np.allclose(np.subtract(after[2], before[2]), [[0, 21], [0, 21]], rtol=0, atol=1e-12)


def test_who_goes_to_the_api_waits_until_the_hand_over(engine):
    """With a patience of 2 h the second job is handed over at 3, the third at 8 starts at once."""
    plan = {"held": {"n": NODE}, "patience_hours": 2, "api": {"usd_per_job": 30}}
    work = {"a": tunes((0, 8), (1, 1), (8, 1), wait_usd_per_hour=3)}
    assert penalties(work, plan, engine)[:2] == near((6, 40))


def test_who_waits_for_nothing_pays_nothing(engine):
    """Nodes hired at once, an API alone: nobody waits."""
    work = {"a": tunes((0, 4), (1, 1), wait_usd_per_hour=3)}
    assert penalties(work, {"hired": {"n": {"gpus": 1, "usd_per_node_h": 1}}}, engine)[0] == 0
    assert penalties(work, {"api": {"usd_per_job": 1}}, engine)[0] == 0


def test_who_still_waits_pays_until_the_clock_stops(engine):
    """Settled at 50 USD a job, and 9 h of waiting besides: the settlement is for the work, not for the wait."""
    work = {"a": tunes((0, 20), (1, 1), wait_usd_per_hour=3)}
    assert penalties(work, {"held": {"n": NODE}}, engine)[0] == near(27)
    settled = penalties(work, {"held": {"n": NODE}}, engine, equal_work={"settle_usd_per_job": 50})
    assert settled[0] == near(77)
    assert settled[2][0] == near([10, 77])


def test_only_counted_jobs_pay_and_the_whole_of_their_wait(engine):
    """After 2 h of warm-up the job of 1 is not counted; that of 3 waits from 3 to 5, though it comes before others."""
    work = {"a": tunes((0, 4), (1, 1), (3, 1), wait_usd_per_hour=3)}
    usd, rest, (attributed, _) = penalties(work, {"held": {"n": NODE}}, engine, warm_up=2)
    assert (usd, rest) == near((6, 8))
    assert attributed == near([0, 0, 7])


def test_nodes_that_are_ordered_are_waited_for(engine):
    """A node that boots for half an hour is waited for; the next job finds it there."""
    plan = {"hired": {"n": {"gpus": 1, "usd_per_node_h": 1, "boot_minutes": 30, "idle_release_minutes": 60}}}
    work = {"a": tunes((0, 1), (2, 1), wait_usd_per_hour=4)}
    assert penalties(work, plan, engine)[0] == near(2)


SERVE = {
    "base_ms": 1000,
    "per_request_ms": 1000,
    "per_prefill_token_us": 0,
    "kv_tokens": 100,
    "max_num_seqs": 1,
    "token_budget": 4,
}


def requests(*rows, **more):
    """A class of requests, each (arrival in s, prompt, output)."""
    listed = [{"arrival_s": at, "prompt_tokens": asks, "output_tokens": gives} for at, asks, gives in rows]
    return {"kind": "inference", "requests": listed, "wait_usd_per_hour": 3600} | more


def test_requests_wait_until_their_first_iteration(engine):
    """One seat, 5 s a request: who came at 1 s waits for 4 s, who came at 2 s until the clock stops at 10 s."""
    node = {"n": NODE | {"serve": SERVE}}
    work = {"a": requests((0, 1, 3), (1, 1, 3), (2, 1, 3))}
    usd, _, (attributed, _) = penalties(work, {"held": node}, engine, hours=10 / 3600)
    assert usd == near(4 + 8)
    assert attributed == near([5 / 3600, 4 + 5 / 3600, 8])


def test_who_is_refused_at_the_door_waits_for_nothing():
    """A prompt that fits no cache is refused on arrival; beside it one that started and one that never did."""
    came, rows = chats([0, 0, 0], [0])
    rows.start[:], rows.outcome[:] = [5, -1, -1], [HELD, REFUSED, NOT_STARTED]
    assert left_queue(rows, came, 20).tolist() == [5, 0, 20]


def test_requests_wait_while_they_try_again_at_an_api(engine):
    """One request a minute passes: the second tries again after 8 s and is given up; the first waits for nothing."""
    limits = {"requests_per_minute": 1, "burst_s": 60}
    retries = {"most": 1, "first_s": 8, "longest_s": 8, "jitter": False}
    plan = {"api": {"usd_per_million_input_tokens": 1, "usd_per_million_output_tokens": 1, "limits": limits}}
    plan["api"]["retries"] = retries
    work = {"a": requests((0, 1, 1), (1, 1, 1))}
    found = penalties(work, plan, engine, hours=100 / 3600)
    assert found[0] == near(8)


ERLANG = """\
name: erlang
horizon_days: 400
warm_up_days: 35
workload:
  jobs:
    kind: fine_tune
    arrivals: {law: poisson, mean_hours: 1}
    service_hours: {law: exponential, mean: 2}
    wait_usd_per_hour: 1
plans:
  held: {held: {n: {gpus: 1, usd_per_node_h: 2.4025, nodes: 8}}}
  api: {api: {usd_per_job: 8}}
"""


def hourly(rate, servers, wait_usd, plan="held"):
    """Bills an hour of an M/M/c queue, a replication each."""
    settings = {
        "workload.jobs.arrivals.mean_hours": 1 / rate,
        "workload.jobs.wait_usd_per_hour": wait_usd,
        "plans.held.held.n.nodes": servers,
    }
    ready = Experiment.of(scenario(ERLANG, settings), 5)
    return run_all(ready, 40)[plan].bills / ready.scenario.counted_hours


@pytest.mark.parametrize(("servers", "cost"), [(10, 29.075017734251), (11, 28.4469365433141), (12, 29.6288111947262)])
def test_the_best_capacity_of_an_erlang_queue(servers, cost):
    """r c + w lambda Wq (O-QOPT): 11 servers cost the least at 20 USD an hour of waiting."""
    bills = hourly(3.2, servers, 20)
    assert abs(bills.mean() - cost) < 4 * bills.std(ddof=1) / np.sqrt(len(bills))


@pytest.mark.parametrize(("rate", "sign"), [(2.43113421508, 1), (3.72247150688, -1)])
def test_the_rates_at_which_a_queue_breaks_even_with_an_api(rate, sign):
    """r c / lambda + w Wq = p (O-BEQ) at two rates: below and above, the other one is cheaper."""
    apart = [hourly(rate * factor, 8, 1) - hourly(rate * factor, 8, 1, "api") for factor in (0.95, 1, 1.05)]
    mean, error = np.mean(apart, axis=1), np.std(apart, axis=1, ddof=1) / np.sqrt(40)
    assert abs(mean[1]) < 4 * error[1]
    assert mean[0] * sign > 4 * error[0]
    assert mean[2] * sign < -4 * error[2]


@pytest.mark.parametrize("value", [-1, "much", True])
def test_a_price_of_waiting_is_no_less_than_nothing(value):
    """Anything else is refused at the door."""
    with pytest.raises(InputError, match=r"workload\.tuning\.wait_usd_per_hour must be 0 or a number"):
        scenario(settings={"workload.tuning.wait_usd_per_hour": value})
