"""What one plan with nodes that come and go must have in common with another."""

from dataclasses import replace

import numpy as np
import pytest
from elastic_tables import hiring, recovery
from worlds import API, HELD, HIRED, scenario

from sim.engine import fleet as kernel
from sim.ground.jobs import Fleet, Recovery
from sim.ground.units import NEVER, tick
from sim.questions.verify import elastic_worlds
from sim.study.simulate import Experiment

# What one plan must have in common with another

WORK = """\
name: common
seed: 11
horizon_days: 40
warm_up_days: 2
workload:
  one:
    {kind: fine_tune, gpus: 4, arrivals: {law: poisson, rate_per_day: 30}, service_hours: {law: gamma, mean: 2, cv: 2}}
  two:
    {kind: fine_tune, gpus: 8, arrivals: {law: poisson, rate_per_day: 4}, service_hours: {law: exponential, mean: 1}}
plans:
"""
_HIRED = "hired: {box: {gpus: 4, usd_per_node_h: 10%s}}"
_REPLICATIONS = range(6)


def of_plans(**plans):
    """Serve the same jobs under plans: rows, bill and shares of each."""
    text = WORK + "".join(f"  {name}: {{{words}}}\n" for name, words in plans.items())
    ready = Experiment.of(scenario(text), 11)
    work = ready.work(_REPLICATIONS)
    found = {}
    for name in plans:
        done = ready.served(name, work)
        outcome, shares = ready.charged(name, done)
        found[name] = (done.rows, outcome, shares[0])
    return work.paths, found


def assert_alike(one, other, *columns):
    for column in columns:
        assert np.array_equal(getattr(one, column), getattr(other, column)), column


def test_a_node_at_once_is_a_node_of_ones_own():
    _, found = of_plans(own=_HIRED % "", at_once=_HIRED % ", maximum: 500")
    (rows, outcome, shares), (its_rows, its_outcome, its_shares) = found["own"], found["at_once"]
    assert rows.stints is None
    assert its_rows.stints is not None
    assert_alike(rows, its_rows, "start", "end", "outcome")
    np.testing.assert_allclose(shares.attributed, its_shares.attributed, rtol=1e-9)
    np.testing.assert_allclose(shares.fully_loaded, its_shares.fully_loaded, rtol=1e-9)
    np.testing.assert_allclose(outcome.lines, its_outcome.lines, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(outcome.paid, its_outcome.paid, rtol=1e-9)


def test_small_jobs_share_a_node_and_start_at_once_all_the_same():
    text = (WORK + "  at_once: {%s}\n" % (_HIRED % ", maximum: 500")).replace("gpus: 4, arrivals", "gpus: 1, arrivals")
    ready = Experiment.of(scenario(text), 11)
    paths = ready.paths(_REPLICATIONS)
    rows = ready.rows("at_once", paths, _REPLICATIONS)[1]
    assert np.array_equal(rows.start, paths.arrival)


HELD_FOUR, WITH_API = "held: {own: {gpus: 4, nodes: 4, usd_per_node_h: 4}}", "api: {usd_per_job: 8}, patience_hours: 0"


def test_without_patience_nobody_waits_for_a_boot():
    paths, found = of_plans(
        booting=f"{HELD_FOUR}, {_HIRED % ', boot_minutes: 10'}, {WITH_API}", alone=f"{HELD_FOUR}, {WITH_API}"
    )
    rows, outcome, _ = found["booting"]
    assert_alike(rows, found["alone"][0], "start", "end", "node", "outcome")
    assert (rows.hires.ready == NEVER).all()  # who leaves at once cancels its order
    assert (rows.hires.ordered == rows.hires.left).all()
    np.testing.assert_allclose(outcome.lines, found["alone"][1].lines, rtol=1e-9)
    assert 0.02 < (rows.outcome == API).mean() < 0.9
    assert len(paths) > 5000


def test_without_patience_nodes_at_once_are_an_erlang_loss():
    held_two = HELD_FOUR.replace("nodes: 4", "nodes: 2")
    _, found = of_plans(mixed=f"{held_two}, {_HIRED % ', maximum: 2'}, {WITH_API}", alone=f"{HELD_FOUR}, {WITH_API}")
    rows, loss = found["mixed"][0], found["alone"][0]
    assert_alike(rows, loss, "start", "end")
    assert np.array_equal(rows.outcome == API, loss.outcome == API)
    assert {HELD, HIRED, API} == set(rows.outcome.tolist())


def test_spot_that_is_never_taken_back_is_on_demand_at_its_rate():
    words = ", maximum: 6, boot_minutes: {law: exponential, mean: 20}, idle_release_minutes: 15, minimum_minutes: 5%s"
    _, found = of_plans(
        on_demand=_HIRED % (words % ""), spot=_HIRED % (words % ", spot: true, lifetime_hours: 1000000")
    )
    (rows, outcome, shares), (its_rows, its_outcome, its_shares) = found["on_demand"], found["spot"]
    assert_alike(rows, its_rows, "start", "end", "node", "outcome", "interrupted")
    assert rows.stints.same(its_rows.stints)
    assert rows.hires.same(its_rows.hires)
    assert np.array_equal(outcome.bills, its_outcome.bills)
    assert np.array_equal(shares.fully_loaded, its_shares.fully_loaded)
    assert not np.array_equal(outcome.lines, its_outcome.lines)  # each on lines of its own


def test_hired_nodes_that_are_always_refused_are_held_ones_only():
    _, found = of_plans(
        refused=f"{HELD_FOUR}, {_HIRED % ', available_share: 0, boot_minutes: 5, minimum_minutes: 60'}", held=HELD_FOUR
    )
    (rows, outcome, shares), (its_rows, its_outcome, its_shares) = found["refused"], found["held"]
    assert_alike(rows, its_rows, "start", "end", "node", "outcome")
    assert len(rows.hires) == 0
    np.testing.assert_allclose(outcome.lines, its_outcome.lines, rtol=1e-9)
    np.testing.assert_allclose(shares.fully_loaded, its_shares.fully_loaded, rtol=1e-9)


SHARED = """\
name: shared
seed: 12
horizon_days: 1
workload:
  tune: {kind: fine_tune, gpus: 4, arrivals: {law: poisson, rate_per_day: 20}, service_hours: 2}
  chat:
    kind: inference
    arrivals: {law: poisson, rate_per_second: 0.02}
    prompt_tokens: {law: lognormal, mean: 300, cv: 2}
    output_tokens: {law: lognormal, mean: 100, cv: 1}
plans:
  always: {held: {box: BOX, chat: {SERVE, schedule: [{from_hour: 0, nodes: 3}]}}}}
  apart: {held: {box: BOX, chat: {SERVE}}}}
""".replace("BOX", "{gpus: 4, nodes: 3, usd_per_node_h: 8}").replace(
    "SERVE",
    "gpus: 4, nodes: 3, usd_per_node_h: 8, serve: {base_ms: 24, per_request_ms: 0.8, per_kv_token_us: 1.2, "
    "per_prefill_token_us: 240, kv_tokens: 20000, max_num_seqs: 32, token_budget: 512",
)


def test_a_timetable_that_wants_all_nodes_always_is_two_fleets():
    ready = Experiment.of(scenario(SHARED), 12)
    work = ready.work(_REPLICATIONS)
    always, apart = (ready.served(name, work) for name in ("always", "apart"))
    assert ready.fleets["always"] == ready.fleets["apart"]
    assert_alike(always.rows, apart.rows, "start", "end", "node", "outcome")
    (_, _, one), (_, _, other) = always.requests[0], apart.requests[0]
    assert len(one.differing(other)) == 0
    bills = [ready.charged(name, each)[0] for name, each in (("always", always), ("apart", apart))]
    np.testing.assert_allclose(bills[0].lines, bills[1].lines, rtol=1e-9)
    np.testing.assert_allclose(bills[0].bills, 6 * 24 * 8, rtol=1e-9)


# The same on random worlds


def _worlds(count=120):
    """Random worlds in which nodes come and go."""
    return [each for each in map(elastic_worlds.world, range(count)) if each.fleet.hiring or each.fleet.fails]


def _alike(each, other) -> bool:
    """Tell whether two worlds come to the same, whatever their rules are called."""
    rows, its = each.served(kernel.serve)[0], other.served(kernel.serve)[0]
    return not len(rows.differing(its)) and rows.stints.same(its.stints) and rows.hires.same(its.hires)


def test_checkpoints_longer_than_all_jobs_are_none():
    looked = interrupted = 0
    for each in _worlds():
        if each.fleet.lent:
            continue  # who is taken back gracefully saves what it has, if it saves at all
        plain = replace(each, fleet=replace(each.fleet, recovery=Recovery(restart=2)))
        rare = replace(each, fleet=replace(each.fleet, recovery=Recovery(10**6, 0, restart=2)))
        assert _alike(plain, rare)
        looked += 1
        interrupted += np.count_nonzero(plain.served(kernel.serve)[0].interrupted)
    assert looked > 40
    assert interrupted > 100


def test_nobody_gives_way_where_all_are_equal():
    for each in _worlds():
        paths = replace(each.paths, priority=np.full(len(each.paths), 3))
        assert _alike(*(replace(each, paths=paths, fleet=replace(each.fleet, preempt=way)) for way in (False, True)))


def test_preemption_lets_the_first_priority_see_none_of_the_others():
    looked = 0
    for number in range(200):
        each = elastic_worlds.world(number)
        first = each.paths.priority == 0
        count = len(each.paths)
        steady = replace(
            each.fleet, hiring=None, lent=0, fails=False, preempt=True, nodes=max(1, each.fleet.nodes), backfill=False,
            queue_limit=NEVER, gpus_per_node=1, recovery=Recovery(0),
        )  # fmt: skip
        paths = replace(each.paths, gpus=np.ones(count, np.int64), priority=np.where(first, 0, 1))
        patient = replace(each.terms, patience=np.full(count, NEVER))
        rows = kernel.serve(steady, paths, patient)
        kept = np.concatenate(([0], np.cumsum(first)))
        alone = replace(
            paths,
            offsets=kept[paths.offsets],
            **{name: getattr(paths, name)[first] for name in ("arrival", "service", "gpus", "priority", "job_class")},
            tokens=paths.tokens[first],
        )
        its = kernel.serve(
            steady, alone, replace(patient, patience=patient.patience[first], api_time=patient.api_time[first])
        )
        assert np.array_equal(rows.start[first], its.start)
        assert np.array_equal(rows.end[first], its.end)
        looked += np.count_nonzero(first)
    assert looked > 1000


@pytest.mark.parametrize("preempt", [False, True], ids=["steady", "changing"])
def test_more_held_nodes_never_lengthen_a_wait(preempt):
    shorter = 0
    for each in map(elastic_worlds.world, range(120)):
        count = len(each.paths)
        paths = replace(each.paths, gpus=np.ones(count, np.int64), priority=np.zeros(count, np.int64))
        patient = replace(each.terms, patience=np.full(count, NEVER))
        starts = []
        for more in (0, 1, 2):
            rows = kernel.serve(Fleet(1 + more, 1, each.fleet.horizon, preempt=preempt), paths, patient)
            starts.append(np.where(rows.start < 0, NEVER, rows.start))
        assert (starts[1] <= starts[0]).all()
        assert (starts[2] <= starts[1]).all()
        shorter += np.count_nonzero(starts[2] < starts[0])
    assert shorter > 500


def test_all_of_it_switched_on_but_nothing_happens_is_a_steady_fleet():
    for each in map(elastic_worlds.world, range(120)):
        steady = replace(
            each.fleet, nodes=max(1, each.fleet.nodes), hiring=None, lent=0, fails=False, preempt=False,
            recovery=Recovery(5, 0, 2),
        )  # fmt: skip
        fits = (each.paths.gpus <= steady.gpus_per_node).all()
        if not fits:
            continue
        same = replace(each.paths, priority=np.zeros(len(each.paths), np.int64))
        rows = kernel.serve(steady, same, each.terms)
        its = kernel.serve(replace(steady, fails=True, preempt=True), same, each.terms)
        assert not len(rows.differing(its))
        ran = its.node >= 0
        assert np.array_equal(np.sort(its.stints.job), np.flatnonzero(ran))


def test_hours_are_ticks():  # the helpers of these tests
    assert hiring(retry=0.5).retry == tick(0.5)
    assert recovery(0.5, 0.25).interval == tick(0.5)
