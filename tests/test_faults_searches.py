"""Faults of the searches: keys, ranges, plans, precision, rows. Each refusal before any work."""

import pytest
from refusals import refused
from studies import RATE
from worlds import scenario

import sim
from sim.ground.faults import InputError

NODES = "plans.reserved.held.p4d.nodes"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--key=workload.tuning.rate", "--between=1:2"), "--between: workload.tuning.rate is not a key here"),
        ((f"--key={RATE}s", "--between=1:2"), "did you mean `rate_per_day`?"),
        (("--key=plans.api.api.offer", "--between=1:2"), "--key: must name a number; plans.api.api.offer is 'openai_"),
        (("--key=allocation.rule", "--between=1:2"), "--key: must name a number; allocation.rule is 'gpu_time'"),
        (("--key=seed", "--between=1:2"), "--key: cannot be seed: all values share their noise; give it with --seed"),
        (("--key=plans.new.api.usd_per_job", "--between=1:2"), "must be about a key of plans and classes that exist"),
        ((f"--key={RATE}", "--between=2:1"), "--between: must be a range lo:hi with lo below hi, got 2:1"),
        ((f"--key={RATE}", "--between=2:2"), "--between: must be a range lo:hi with lo below hi, got 2:2"),
        ((f"--key={RATE}", "--between=nan:2"), "--between: must be a range lo:hi with lo below hi, got nan:2"),
        ((f"--key={RATE}", "--between=1:inf"), "--between: must be a range lo:hi of finite numbers, got 1:inf"),
        (("--key=", "--between=1:2"), "--key: must name a number of the scenario, got ''"),
        ((f"--key={RATE}", "--between=0:2:log"), "--between: must be above 0 for a log scale, got 0"),
        ((f"--key={RATE}", "--between=1"), "--between: must be lo:hi or lo:hi:log, got '1'"),
        ((f"--key={RATE}", "--between=1:2:lin"), "--between: must be lo:hi or lo:hi:log, got '1:2:lin'"),
        ((f"--key={RATE}", "--between=a:2"), "--between: must be lo:hi or lo:hi:log, got 'a:2'"),
        ((f"--key={RATE}", "--between=-1:2"), f"--between: {RATE} must be"),
        ((f"--key={NODES}", "--between=1:2.5"), f"--between: {NODES} must be a whole number"),
        ((f"--key={RATE}", "--between=1:2", "--plans=api"), "--plans: must be two plans at least, got 1"),
        ((f"--key={RATE}", "--between=1:2", "--plans=api,api"), "--plans: must be different plans, got `api` twice"),
        ((f"--key={RATE}", "--between=1:2", "--plans=api,reservd"), "--plans: `reservd` is not a plan here; did you"),
        ((f"--key={RATE}", "--between=1:2", "--precision=0%"), "--precision: must be"),
        ((f"--key={RATE}", "--between=1:2", "--precision=60%"), "--precision: must be a share from 0.0001 % to 50 %"),
        ((f"--key={RATE}", "--between=1:2", "--precision=1"), "--precision: must be a percentage"),
        ((f"--key={RATE}", "--between=1:2", "--reps=0"), "--reps: must be a whole number"),
        ((f"--key={RATE}", "--between=1:2", "--format=xml"), "--format: must be one of text, json, csv"),
    ],
)
def test_break_evens_that_cannot_be_looked_for(arguments, told, article_file):
    assert told in refused("break-even", article_file, *arguments)


@pytest.mark.parametrize(
    ("x", "y", "plans", "told"),
    [
        (f"{RATE}=1:2", f"{NODES}=1,2", None, "--plans: must be two plans, got 3: reserved, on_demand, api"),
        (f"{RATE}=1:2", f"{RATE}=1,2", "api,reserved", f"--y: must be another key than --x, got {RATE} twice"),
        (f"{RATE}=1:2", f"{NODES}=1", "api,reserved", "--y: must give two different values at least and none twice"),
        (f"{RATE}=1:2", f"{NODES}=1,1", "api,reserved", "--y: must give two different values at least and none twice"),
        (f"{RATE}=1:2", f"{NODES}=1:300:300", "api,reserved", "--y: makes 300 rows; at most 200 are searched at once"),
        (
            f"{RATE}=1:2",
            "allocation.rule=equal,platform",
            "api,reserved",
            "--y: must give numbers, got equal, platform",
        ),
        (f"{RATE}=1:2", f"{NODES}=1,-2", "api,reserved", f"--y: {NODES} must be a whole number"),
        (f"{RATE}=1:2", f"{NODES}=1:9:100000000000", "api,reserved", "--y: makes 100,000,000,000 rows; at most 200"),
        (f"{RATE}=1:2", "seed=1,2", "api,reserved", "--y: cannot be seed: all values share their noise; give it"),
        (f"{RATE}=-1:2", f"{NODES}=1,2", "api,reserved", f"--x: {RATE} must be"),
        (f"{RATE}=1:inf", f"{NODES}=1,2", "api,reserved", "--x: must be a range lo:hi of finite numbers, got 1:inf"),
        (f"{RATE}", f"{NODES}=1,2", "api,reserved", "--x: must be key=lo:hi or key=lo:hi:log"),
        (f"{RATE}=1:2", f"{NODES}=1:2", "api,reserved", "--y: must be key=lo:hi:n[:log] or key=1,2,4"),
    ],
)
def test_frontiers_that_cannot_be_looked_for(x, y, plans, told, article_file):
    named = [] if plans is None else [f"--plans={plans}"]
    assert told in refused("frontier", article_file, f"--x={x}", f"--y={y}", *named)


def test_the_library_refuses_the_same():
    with pytest.raises(InputError, match=r"--most-reps: must be from --reps \(20\) to 10000000, got 10"):
        sim.break_even(scenario(), RATE, (1, 2), replications=20, most_replications=10)
    with pytest.raises(InputError, match=r"--plans: must be two plans at least, got 0"):
        sim.break_even(scenario(), RATE, (1, 2), plans=[])
    many = {f"p{k}": {"api": {"usd_per_job": k + 1}} for k in range(13)}
    with pytest.raises(InputError, match="--plans: must be at most 12 plans, for each pair is compared, got 13"):
        sim.break_even(scenario(settings={"plans": many}), RATE, (1, 2))
