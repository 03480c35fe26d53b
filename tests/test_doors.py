"""Doors of a study: what may be asked of it and how it may be run, its frames, what it refuses."""

import re
from itertools import pairwise

import pytest
from studies import RATE
from worlds import scenario

from sim.engine.money import LINES
from sim.ground.faults import InputError
from sim.study import as_json, draw_seed, run, threads


@pytest.mark.parametrize("replications", [0, -1, 10_000_001, 2.0, True, None])
def test_impossible_numbers_of_replications(replications):
    with pytest.raises(InputError, match=f"--reps: must be a whole number from 1 to 10000000, got {replications}"):
        run(scenario(), replications=replications)


@pytest.mark.parametrize(
    ("how", "refusal"),
    [
        ({"seed": -1}, "--seed: must be a whole number from 0 to 9223372036854775807, got -1"),
        ({"seed": 2**63}, "--seed: must be a whole number from 0 to 9223372036854775807, got 9223372036854775808"),
        ({"seed": 1.5}, "--seed: must be a whole number from 0 to 9223372036854775807, got 1.5"),
        ({"seed": "7"}, "--seed: must be a whole number from 0 to 9223372036854775807, got '7'"),
        ({"jobs": -1}, "--jobs: must be a whole number from 0 to 1024, got -1"),
        ({"jobs": 1.0}, "--jobs: must be a whole number from 0 to 1024, got 1.0"),
        ({"engine": "kernal"}, "--engine: must be one of kernel, simpy, got 'kernal'"),
    ],
)
def test_how_no_run_can_be(how, refusal):
    with pytest.raises(InputError, match=f"^{refusal}$"):
        run(scenario(), replications=2, **how)


@pytest.mark.parametrize(
    ("ask", "refusal"),
    [
        (lambda study: study.jobs("api", 100), "replication: must be a whole number from 0 to 99, got 100"),
        (lambda study: study.jobs("api", -1), "replication: must be a whole number from 0 to 99, got -1"),
        (lambda study: study.jobs("api", 0.0), "replication: must be a whole number from 0 to 99, got 0.0"),
        (lambda study: study.jobs("reservd"), "plan: `reservd` is not known here; did you mean `reserved`?"),
        (lambda study: study.cost_per_job("apis", "tuning"), "plan: `apis` is not known here; did you mean `api`?"),
        (
            lambda study: study.cost_per_job("api", "tunning"),
            "job_class: `tunning` is not known here; did you mean `tuning`?",
        ),
        (
            lambda study: study.cost_per_job("api", "tuning", "loaded"),
            "kind: `loaded` is not known here; did you mean `fully_loaded`?",
        ),
        (
            lambda study: study.probability_cheaper("api", "own"),
            "plan: `own` is not known here; choose from",
        ),
    ],
)
def test_doors_refuse_what_a_study_does_not_hold(article_study, ask, refusal):
    with pytest.raises(InputError, match=f"^{re.escape(refusal)}"):
        ask(article_study)


def test_data_frames(article_study, article_grid):
    bill = article_study.bill()
    assert bill.columns.tolist() == ["plan", "line", "usd", "low_usd", "high_usd"]
    assert len(bill) == 4 * (1 + len(LINES))
    loaded, own = (
        article_study.cost_per_job("reserved", "tuning", kind).set_index("percentile")
        for kind in ("fully_loaded", "attributed")
    )
    stated = article_study.result["plans"]["reserved"]["classes"]["tuning"]["cost_per_job_usd"]
    assert loaded.loc["mean", "usd"] == stated["fully_loaded"]["mean"].value
    assert own.loc["mean", "usd"] == stated["attributed"]["mean"].value < loaded.loc["mean", "usd"]
    assert (loaded["low_usd"] <= loaded["usd"]).all()
    bills = article_study.bills()
    assert len(bills) == 400
    assert bills[[f"{line}_usd" for line in LINES]].sum(axis=1).to_numpy() == pytest.approx(
        bills["total_usd"], rel=1e-12
    )
    jobs = article_study.jobs("hybrid")
    assert set(jobs["outcome"]) == {"held", "api"}
    table = article_grid.table()
    assert len(table) == 9 * 3
    assert table[RATE].tolist() == sorted(table[RATE])
    waits = table[table["plan"] == "reserved"]["wait_mean_h"].tolist()
    assert all(early < late for early, late in pairwise(waits))


def test_a_missing_seed_is_drawn_and_recorded():
    world = scenario(settings={"seed": None, "horizon_days": 30})
    first, second = run(world, replications=2), run(world, replications=2)
    assert first.seed != second.seed
    assert 0 <= first.result["seed"] == first.seed < 2**63
    again = run(world, replications=2, seed=first.seed)
    assert as_json(again.result) == as_json(first.result)
    assert 0 <= draw_seed() < 2**63


def test_threads():
    assert threads(3) == 3
    assert threads(0) >= 1


def test_progress_is_told():
    told = []
    run(scenario(), replications=40, jobs=1, progress=lambda done, total: told.append((done, total)))
    assert [done for done, _ in told] == list(range(1, told[-1][1] + 1))
    assert told[-1][1] > 1
