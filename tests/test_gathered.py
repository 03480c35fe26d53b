"""Outcomes gathered from pieces: the same in whatever order, laid out in plain arrays, in bounded memory."""

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from studies import CHAT, HYBRID, RATE, plain
from worlds import scenario

from sim.study import run, simulate
from sim.study.gathered import Gathered, packed, unpacked
from sim.study.outcome import Outcome
from sim.study.pieces import run_all, run_piece
from sim.study.result import result
from sim.study.simulate import Experiment

BUSY = {RATE: 10.8, "plans.hybrid": HYBRID, "horizon_days": 30}
"""Some 325 jobs a replication and plan; of 200 replications 65,000."""


def ready(text=None) -> Experiment:
    return Experiment.of(scenario(settings=BUSY) if text is None else scenario(text), 11)


def laid_out(outcomes):
    """Everything in some outcomes, as bytes."""
    return {
        f"{plan} {key}": (array.dtype.str, array.shape, array.tobytes())
        for plan, outcome in outcomes.items()
        for key, array in packed(outcome).items()
    }


def gathered(experiment: Experiment, cuts, order, keep=False):
    """Run pieces in some order."""
    made, pieces = Gathered(cuts[0], cuts[-1] - cuts[0], keep), [range(*cut) for cut in pairwise(cuts)]
    for k in order:
        made.add(pieces[k], run_piece(experiment, pieces[k]))
    return made.outcomes()


@pytest.mark.parametrize("replications", [7, 200])
def test_neither_the_pieces_nor_their_order_matter(replications):
    experiment = ready()
    whole = laid_out(run_all(experiment, replications))
    cuts = [0, 2, 5, replications // 2 + 3, replications]
    assert laid_out(gathered(experiment, cuts, [2, 0, 3, 1])) == whole
    assert any(key.endswith("counts") for key in whole) == (replications == 200)


def test_threads_do_not_matter():
    study = scenario(settings=BUSY)
    one, two = (run(study, 200, seed=11, jobs=jobs) for jobs in (1, 2))
    assert laid_out(one.outcomes) == laid_out(two.outcomes)
    assert plain(one.result) == plain(two.result)


def test_replications_added_later_are_the_same_as_all_at_once():
    experiment = ready()
    whole, blocks = run_all(experiment, 200), [run_all(experiment, 150), run_all(experiment, 200, first=150)]
    joined = {name: Outcome.joined([block[name] for block in blocks]) for name in whole}
    assert laid_out(joined) == laid_out(whole)
    assert plain(result(experiment, joined)) == plain(result(experiment, whole))


def test_a_piece_alone_is_estimated_as_what_was_gathered():
    # Its values are all there, and yet no more is told than of a histogram.
    experiment = ready()
    piece, whole = run_piece(experiment, range(200)), run_all(experiment, 200)
    assert piece["hybrid"].classes["tuning"].values["wait_h"].is_exact
    assert not whole["hybrid"].classes["tuning"].values["wait_h"].is_exact
    assert plain(result(experiment, piece)) == plain(result(experiment, whole))


def test_values_are_kept_where_they_are_asked_for():
    experiment = ready()
    both = run_all(experiment, 200, keep=True), run_piece(experiment, range(200))
    kept, piece = (each["hybrid"].classes["tuning"] for each in both)
    for measure, pooled in kept.values.items():
        assert pooled.values.tolist() == piece.values[measure].values.tolist()
        assert pooled.offsets.tolist() == kept.offsets(measure).tolist()
    exact = run(experiment.scenario, 200, seed=11, exact=True).result["plans"]["hybrid"]["classes"]["tuning"]["wait_h"]
    assert exact["p95"].value == pytest.approx(np.quantile(kept.values["wait_h"].values, 0.95), rel=1e-12)


@pytest.mark.parametrize("text", [None, CHAT])
def test_packed_and_taken_back(text):
    experiment = ready(text)
    outcomes = run_all(experiment, 200 if text is None else 4)
    back = {name: unpacked(packed(outcome)) for name, outcome in outcomes.items()}
    assert laid_out(back) == laid_out(outcomes)
    assert plain(result(experiment, back)) == plain(result(experiment, outcomes))
    kinds = {array.dtype.kind for outcome in outcomes.values() for array in packed(outcome).values()}
    assert kinds <= {"i", "u", "f"}


def test_memory_grows_neither_with_the_jobs_nor_much_with_the_replications(monkeypatch):
    monkeypatch.setattr(simulate, "_JOBS_A_PIECE", 30_000)  # little beside the values
    experiment = ready()

    def left_and_peak(replications: int) -> tuple[int, int]:
        tracemalloc.start()
        kept = run_all(experiment, replications)
        found = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(kept) == 4
        return found

    run_all(experiment, 100)  # compiled and imported beforehand
    (left, peak), (more, higher) = left_and_peak(256), left_and_peak(2048)
    values = 1792 * 325 * 4 * 5 * 8  # bytes of the jobs, were they kept
    assert more - left < values / 5
    assert higher - peak < values / 5
