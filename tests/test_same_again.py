"""The same question gives the same bytes: whatever the threads, the pieces, the engine or the company."""

import json

import numpy as np
import pytest
from studies import HYBRID, RATE, bytes_of, plain
from worlds import scenario

from sim.study import as_json, run, sweep
from sim.study import simulate as simulation


def test_the_same_bytes_for_any_number_of_threads_and_size_of_pieces(monkeypatch):
    world = scenario(
        settings={"plans.hybrid": HYBRID, "plans.hybrid.patience_hours": {"law": "exponential", "mean": 3}}
    )
    first = bytes_of(run(world, replications=30, jobs=1))
    assert bytes_of(run(world, replications=30, jobs=2)) == first
    for size in (1, 7000, 10**9):
        monkeypatch.setattr(simulation, "_JOBS_A_PIECE", size)
        assert bytes_of(run(world, replications=30, jobs=2)) == first
    assert bytes_of(run(world, replications=30, seed=1)) != first


def test_a_sweep_does_not_depend_on_threads_and_its_cells_are_runs():
    world = scenario(settings={"horizon_days": 60})
    one, two = (sweep(world, {RATE: [2, 6]}, replications=10, jobs=jobs) for jobs in (1, 2))
    assert json.dumps(as_json(one.as_result())) == json.dumps(as_json(two.as_result()))
    alone = run(scenario(settings={"horizon_days": 60, RATE: 6}), replications=10)
    assert as_json(one.cells[1].result) == as_json(alone.result)


def test_both_engines_give_the_same_study():
    world = scenario(settings={"horizon_days": 90, "plans.hybrid": HYBRID, "workload.tuning.noise_cv": 0.5})
    first, second = (as_json(run(world, replications=3, engine=engine).result) for engine in ("kernel", "simpy"))
    assert first == second


def test_whole_numbers_of_numpy_are_whole_numbers():
    world = scenario(settings={"horizon_days": 20})
    found = run(world, replications=np.int64(2), seed=np.int64(7), jobs=np.int64(1))
    assert bytes_of(found) == bytes_of(run(world, replications=2, seed=7, jobs=1))


def test_all_plans_see_the_same_path(article_study):
    frames = [article_study.jobs(plan, replication=3) for plan in article_study.outcomes]
    for frame in frames[1:]:
        for column in ("arrival_h", "service_h", "tokens_millions"):
            assert frame[column].tolist() == frames[0][column].tolist()


def test_neighbouring_cells_share_their_noise():
    world = scenario()
    slow, fast = (run(scenario(settings={RATE: rate}), replications=2).jobs("api")["arrival_h"] for rate in (3, 6))
    assert len(fast) > len(slow)
    np.testing.assert_allclose(fast[: len(slow)], slow / 2, atol=1e-9)
    assert run(world, replications=1).result["plans"]["api"]["classes"]["tuning"]["jobs"].value == len(fast)


def test_another_window_moves_percentiles_of_a_job_only():
    def at(days: float) -> dict:
        return plain(
            run(scenario(settings={"plans.hybrid": HYBRID, "allocation.window_days": days}), replications=20).result
        )

    def flat(value, path=()):
        if isinstance(value, dict):
            for key, entry in value.items():
                yield from flat(entry, (*path, key))
        else:
            yield path, value

    one, other = dict(flat(at(30))), dict(flat(at(365)))
    assert set(one) == set(other)
    moved = {
        path
        for path, value in one.items()
        if (
            value != pytest.approx(other[path], rel=1e-9, abs=1e-9)
            if isinstance(value, float)
            else value != other[path]
        )
    }
    percentiles = {path for path in moved if path[-3:-2] == ("fully_loaded",) and path[-2][0] == "p"}
    assert moved - percentiles == {("allocation", "window_days")}
    assert ("plans", "reserved", "classes", "tuning", "cost_per_job_usd", "fully_loaded", "p95", "value") in percentiles
