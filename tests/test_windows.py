"""The ledger by window, by hand: when each USD is spent; and that windows sum to the bill, whatever is simulated."""

import numpy as np
import pytest

from sim.engine.money import LINES, Calendar
from sim.ground.scenario import Tree, build
from sim.questions.verify import window_sums
from sim.questions.verify.invariants import run_invariant
from sim.questions.verify.samples import ELASTIC, METERED, MIXED, SCENARIO
from sim.questions.verify.samples import scenario as sample
from sim.study.simulate import Experiment
from sim.study.windows import by_window

NODE = {"gpus": 1, "nodes": 1, "usd_per_node_h": 1}
HIRE = {"gpus": 1, "usd_per_node_h": 1}


@pytest.fixture(params=["kernel", "simpy"])
def engine(request):
    """Each engine in turn."""
    return request.param


def jobs(*rows, **more):
    """A class of fine-tunes, each (arrival in h, service in h)."""
    listed = [{"arrival_hours": at, "service_hours": takes} for at, takes in rows]
    return {"workload": {"a": {"kind": "fine_tune", "jobs": listed} | more}}


def table(values, plan, engine, hours=10.0, window=5.0, unit=1.0):
    """Tell what each line is in each window, leaving out lines that are 0; then the jobs of each window."""
    scale = unit / 24
    head = {"name": "hand", "seed": 1, "horizon_days": hours * scale, "plans": {"plan": plan}}
    rest = {"allocation": {"window_days": window * scale}} | values
    rest["warm_up_days"] = values.get("warm_up_days", 0) * scale
    ready = Experiment.of(build(Tree(head | rest)), 1, engine)
    served = ready.served("plan", ready.work(range(1)))
    found, outcome = by_window(ready, "plan", served), ready.charged("plan", served)[0]
    assert np.allclose(found.lines.sum(axis=1), outcome.lines, rtol=1e-9, atol=1e-12)
    lines = {name: (found.lines[0, :, k] / unit).tolist() for k, name in enumerate(LINES)}
    return {name: pytest.approx(usd, abs=1e-9) for name, usd in lines.items() if any(usd)}, found.jobs[0].tolist()


def test_held_nodes_are_paid_evenly_and_used_while_jobs_run(engine):
    """One node: a job from 1 to 7, one from 7 to 9; people and overhead by the length of a window."""
    plan = {"held": {"n": NODE}, "staff": {"engineers": 1, "usd_per_year": 8760}, "overhead_usd_per_year": 17520}
    lines, came = table(jobs((1, 6), (2, 2)), plan, engine)
    assert lines == {"held_used": [4, 4], "held_idle": [1, 1], "staff": [5, 5], "overhead": [10, 10]}
    assert came == [2, 0]


def test_an_api_is_paid_at_the_hand_over(engine):
    """With a patience of 3 h the job that came at 4 is handed over at 7, in the second window."""
    plan = {"held": {"n": NODE}, "patience_hours": 3, "api": {"usd_per_job": 30}}
    lines, came = table(jobs((0, 9), (4, 1)), plan, engine)
    assert lines == {"held_used": [5, 4], "held_idle": [0, 1], "api": [0, 30]}
    assert came == [2, 0]


def test_nodes_of_their_own_are_paid_with_their_rounding(engine):
    """A job of 3 h from 3 on, and a minimum of 4 h: used to 6, idle to 7."""
    lines, _ = table(jobs((3, 3)), {"hired": {"n": HIRE | {"minimum_minutes": 240}}}, engine)
    assert lines == {"on_demand_used": [2, 1], "on_demand_idle": [0, 1]}


def test_hires_are_paid_from_order_to_return(engine):
    """Ordered at 3, ready at 4, used to 6, given back at 8."""
    hire = HIRE | {"boot_minutes": 60, "idle_release_minutes": 120}
    lines, _ = table(jobs((3, 2)), {"hired": {"n": hire}}, engine)
    assert lines == {"on_demand_used": [1, 1], "on_demand_idle": [1, 2]}


def test_spot_nodes_have_lines_of_their_own(engine):
    """Reclaimed 4 h after it is ready at 2, the job begins anew at 6 and runs until 9."""
    hire = HIRE | {"spot": True, "lifetime_hours": 4, "idle_release_minutes": 0}
    lines, _ = table(jobs((2, 5)), {"hired": {"n": hire}}, engine, hours=9)
    assert sum(lines["spot_used"].expected) == pytest.approx(7)


def test_waiting_is_paid_while_one_waits_and_settled_at_the_end(engine):
    """One waits from 3 to 7 at 2 USD an hour; one that came at 4 never starts, and is settled at 50 USD."""
    values = jobs((0, 7), (3, 9), (4, 1), wait_usd_per_hour=2) | {"equal_work": {"settle_usd_per_job": 50}}
    lines, came = table(values, {"held": {"n": NODE}}, engine)
    assert lines == {"held_used": [5, 5], "penalties": [4 + 2, 4 + 10 + 50]}
    assert came == [3, 0]


def test_what_lies_before_counting_is_left_out(engine):
    """Windows from 2 to 6 and to 10: use of the job from 1 counts from 2 on, the job itself does not."""
    values = jobs((1, 6), (8, 1)) | {"warm_up_days": 2}
    lines, came = table(values, {"held": {"n": NODE}}, engine, window=4)
    assert lines == {"held_used": [4, 2], "held_idle": [0, 2]}
    assert came == [0, 1]


SERVE = {
    "base_ms": 1000,
    "per_request_ms": 1000,
    "per_prefill_token_us": 0,
    "kv_tokens": 100,
    "max_num_seqs": 1,
    "token_budget": 4,
}


def chats(*rows):
    """A class of requests, each (arrival in s, output); a replica takes 1 s for the first token, 2 s for the others."""
    listed = [{"arrival_s": at, "prompt_tokens": 1, "output_tokens": gives} for at, gives in rows]
    return {"workload": {"a": {"kind": "inference", "requests": listed}}}


def test_requests_use_replicas_while_they_run(engine):
    """Busy from 1 to 8 s of 10; 1 USD an hour, in seconds."""
    lines, came = table(chats((1, 4), (2, 1)), {"held": {"n": NODE | {"serve": SERVE}}}, engine, unit=1 / 3600)
    assert lines == {"held_used": [4, 4], "held_idle": [1, 1]}
    assert came == [2, 0]


def test_reserved_units_are_paid_all_the_time(engine):
    """60 tokens a minute reserved: 2 tokens at 1 s, 3 at 6 s, at 3600 USD an hour for 10 s; nobody is paid by use."""
    units = {"units": 1, "tokens_per_minute_per_unit": 60, "usd_per_unit_h": 1}
    api = {"usd_per_million_input_tokens": 1, "usd_per_million_output_tokens": 1, "reserved": units}
    lines, came = table(chats((1, 1), (6, 2)), {"api": api}, engine, unit=1 / 3600)
    assert lines == {"held_used": [2, 3], "held_idle": [3, 2]}
    assert came == [1, 1]


@pytest.mark.parametrize("window", [30, 0.4])
@pytest.mark.parametrize("values", [SCENARIO, MIXED, ELASTIC, METERED], ids=lambda values: values["name"])
def test_windows_sum_to_the_bill_of_every_kind_of_plan(values, window):
    """Held, hired, spot, stints, lent, scaled, metered, waiting and settled: each line to 1e-9 of the bill."""
    priced = {f"workload__{name}__wait_usd_per_hour": 3 for name in values["workload"]}
    ready = Experiment.of(sample(values, allocation__window_days=window, **priced), 5)
    work = ready.work(range(4))
    for name in ready.tunings:
        served = ready.served(name, work)
        found, outcome = by_window(ready, name, served), ready.charged(name, served)[0]
        assert outcome.lines[:, LINES.index("penalties")].sum() >= 0
        apart = np.abs(found.lines.sum(axis=1) - outcome.lines).max(axis=1)
        assert (apart <= 1e-9 * outcome.bills).all()
        assert np.array_equal(found.jobs.sum(axis=1), outcome.total("jobs"))


def _late(enter):
    """Enter spans that begin a tick late."""
    return lambda self, *told: enter(self, *told[:-3], told[-3] + 1, *told[-2:])


def test_what_is_spent_in_the_wrong_window_is_found(monkeypatch):
    """A negative control: spans that begin a tick late break both invariants."""
    assert all(run_invariant(check)["pass"] for check in window_sums.CHECKS)
    for name in ("spend", "use"):
        monkeypatch.setattr(Calendar, name, _late(getattr(Calendar, name)))
    assert not any(run_invariant(check)["pass"] for check in window_sums.CHECKS)
