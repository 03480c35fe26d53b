"""What holds for every ledger of nodes that come and go, in random worlds of which the SimPy fleet gives the rows."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledgers import chats, prices, tokens
from worlds import HIRED, examples, random_worlds, terms

from sim.engine import reference
from sim.engine.money import (
    LINES,
    MEMO,
    Billing,
    Lender,
    Tariff,
    charge,
    settle,
    use_of_nodes,
    use_of_requests,
    window_edges,
)
from sim.ground.hires import Hires
from sim.ground.jobs import Hazards, Hiring, Recovery
from sim.ground.units import NEVER, tick

USD_A_TICK = 3.6e9
"""A rate at which a GPU tick costs 1 USD."""


@st.composite
def shaky_worlds(draw):
    """A small fleet whose nodes are held, lent and hired, fail, are reclaimed; who is charged what for them."""
    rules, paths, wanted = draw(random_worlds())
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    runs, lent = paths.replications, draw(st.integers(0, 2))
    held = draw(st.integers(0, rules.nodes))
    hiring = Hiring(
        draw(st.sampled_from([1, 3, NEVER])), draw(st.integers(0, 3)), draw(st.integers(0, 6)), draw(st.integers(1, 5))
    )
    recovery = Recovery(draw(st.sampled_from([NEVER, 0, 1, 3])), draw(st.integers(0, 2)), draw(st.integers(0, 2)))
    rules = replace(
        rules,
        nodes=held,
        horizon=draw(st.sampled_from([31, 60])),
        lent=lent,
        fails=True,
        preempt=draw(st.booleans()),
        hiring=hiring if draw(st.integers(0, 3)) else None,
        recovery=recovery,
    )
    switches = np.cumsum(rng.integers(1, draw(st.sampled_from([4, 12])), (runs, held + lent, 70)), axis=2) - 1
    happens = Hazards(
        switches,
        np.empty((runs, 0, 1), np.int64),
        rng.integers(0, 1 + draw(st.sampled_from([0, 2, 8])), (runs, 3000)),
        rng.choice([NEVER, 2, 5, 9], (runs, 3000)),
        (rng.random((runs, 3000)) < draw(st.sampled_from([0.0, 0.3, 0.9]))).astype(np.int64),
        slots=200,
    )
    return rules, paths, wanted, happens


billings = st.builds(
    Billing, st.just(2 * USD_A_TICK), st.booleans(), st.booleans(), step=st.integers(1, 7), minimum=st.integers(0, 20)
)


def whole(fleet, opens, **more) -> Tariff:
    """A tariff under which a held GPU tick costs 1 USD, a hired one 2, a lent one 3."""
    gpus = fleet.nodes * fleet.gpus_per_node
    return prices(
        node_gpus=fleet.gpus_per_node,
        held_usd=float(gpus * (fleet.horizon - opens)),
        held_gpus=gpus,
        held_usd_per_gpu_h=USD_A_TICK,
        lenders=(Lender(fleet.lent, 3 * USD_A_TICK, 1),) if fleet.lent else (),
        staff_usd=5,
        api_usd_per_job=2,
        settle_usd=1,
        **more,
    )


def check_sums(bill, shares, sides, opens, rule):
    """Every USD and every GPU tick is somewhere, and nothing is less than nothing."""
    total = bill.lines.sum(axis=1)
    assert (bill.lines >= -1e-6).all()
    for r, usd in enumerate(total):
        mine = [slice(side.offsets[r], side.offsets[r + 1]) for side in sides]
        counted = sum((side.arrival[own] >= opens).sum() for side, own in zip(sides, mine, strict=True))
        loaded = sum(each.fully_loaded[own].sum() for each, own in zip(shares, mine, strict=True))
        if counted and rule != "platform":
            assert loaded == pytest.approx(usd, rel=1e-9)
    told = dict(zip(MEMO, bill.memo.T, strict=True))
    assert (bill.memo >= 0).all()
    assert told["held_used_gpu_h"] + told["hired_used_gpu_h"] == pytest.approx(bill.allocated, rel=1e-9)
    assert told["held_paid_gpu_h"] + told["hired_paid_gpu_h"] == pytest.approx(bill.paid, rel=1e-9)
    assert told["busy_gpu_h"] + told["recovery_gpu_h"] == pytest.approx(bill.allocated, rel=1e-9, abs=1e-15)
    assert told["productive_gpu_h"] + told["lost_gpu_h"] == pytest.approx(told["busy_gpu_h"], rel=1e-9, abs=1e-15)
    assert (bill.allocated <= bill.paid * (1 + 1e-9)).all()


@given(
    shaky_worlds(), billings, st.sampled_from(["gpu_time", "equal", "platform"]), st.integers(0, 30), st.integers(1, 7)
)
@examples(200)
def test_every_ledger_adds_up(world, billing, rule, opens, windows):
    rules, paths, wanted, happens = world
    rows = reference.serve(rules, paths, wanted, happens)
    stints, edges = rows.stints, window_edges(opens, rules.horizon, max(1, (rules.horizon - opens) // windows))
    mine = whole(rules, opens, hired=billing, hired_list_usd_per_gpu_h=1, held_list_usd_per_gpu_h=1)
    use = use_of_nodes(mine, rules, paths, rows, edges, rule)
    lender = rules.lent * rules.gpus_per_node
    usd = 3.0 * lender * (rules.horizon - opens)
    chat = use_of_requests(
        tokens(held_usd=usd, held_gpus=lender, usd_per_gpu_h=3 * USD_A_TICK, list_usd_per_gpu_h=1),
        *chats([0] * paths.replications, np.zeros(len(edges) - 1), opens, runs=paths.replications),
        edges,
        rule,
    )
    bill, shares = settle([use, chat], mine.staff_usd, 0, edges, rule, lenders=[1] if rules.lent else [])
    check_sums(bill, shares, [use, chat], opens, rule)
    ran = np.clip(stints.until, opens, rules.horizon) - np.clip(stints.since, opens, rules.horizon)
    gpu_ticks = ran * np.minimum(paths.gpus[stints.job], rules.gpus_per_node)
    kind = np.where(stints.hire >= 0, 2, np.where(stints.node < rules.nodes, 0, 1))
    for r in range(paths.replications):
        own = slice(stints.offsets[r], stints.offsets[r + 1])
        held, lent, hired = np.bincount(kind[own], gpu_ticks[own], minlength=3)
        assert bill.allocated[r] * tick(1) == pytest.approx(held + lent + hired, rel=1e-9)
        hires_paid = rules.gpus_per_node * paid_by_hand(rows.hires, r, billing, opens, rules.horizon)
        assert use.paid[r] * tick(1) == pytest.approx(mine.held_usd + hires_paid, rel=1e-9)
        assert bill.lines[r, LINES.index("held_used")] == pytest.approx(held + 3 * lent, rel=1e-9)
        assert bill.lines[r, billing.used_line] == pytest.approx(2 * hired, rel=1e-9)
        assert bill.lines[r, billing.used_line : billing.idle_line + 1].sum() == pytest.approx(2 * hires_paid, rel=1e-9)


def paid_by_hand(hires, replication, billing, opens, closes, clock=None) -> int:
    """Node ticks that are paid, hire by hire, in the words of the rules; a clock, where given, counts them all."""
    paid = 0
    for h in range(hires.offsets[replication], hires.offsets[replication + 1]):
        ordered, ready, left = (int(column[h]) for column in (hires.ordered, hires.ready, hires.left))
        since = ordered if billing.from_order else ready
        if since < NEVER:
            length = -(-(min(left, closes) - since) // billing.step) * billing.step
            until = since + (length if ready == NEVER else max(length, billing.minimum))
            since, until = max(since, opens), closes if left == NEVER else min(until, closes)
            paid += max(0, until - since)
            if clock is not None:
                clock[since:until] += 1
    return paid


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 70), st.sampled_from([0, 3, 9, NEVER]), st.integers(0, 30)), max_size=6),
        min_size=1,
        max_size=3,
    ),
    billings,
    st.integers(0, 30),
    st.integers(1, 7),
)
@examples(200)
def test_hired_serving_nodes_are_paid_tick_by_tick(found, billing, opens, windows):
    # Each hire: when it is ordered, its boot (NEVER: cancelled), how long it stays (0: until the clock stops).
    edges, runs = window_edges(opens, 60, max(1, (60 - opens) // windows)), len(found)
    rows = [
        (ordered, min(ordered + boot, NEVER), ordered + stay + (boot if boot < NEVER else 0) if stay else NEVER)
        for run in found
        for ordered, boot, stay in sorted(run)
        if stay or boot < NEVER
    ]
    offsets = np.cumsum([0, *(sum(bool(stay) or boot < NEVER for _, boot, stay in run) for run in found)])
    ordered, ready, left = np.array(rows, np.int64).reshape(-1, 3).T.copy()
    hires = Hires(offsets, ordered * 0, ordered, ready, left)
    mine = tokens(usd_per_gpu_h=2 * USD_A_TICK, node_gpus=4, hired=billing)
    use = use_of_requests(mine, *chats([0] * runs, np.zeros(len(edges) - 1), opens, hires, runs), edges, "equal")
    bill, shares = settle([use], 0, 0, edges, "equal")
    check_sums(bill, shares, [use], opens, "equal")
    for r in range(runs):
        clock = np.zeros(60)
        paid = paid_by_hand(hires, r, billing, opens, 60, clock)
        assert bill.lines[r, billing.idle_line] == pytest.approx(8 * paid, rel=1e-9)
        assert bill.paid[r] * tick(1) == pytest.approx(4 * paid, rel=1e-9)
        assert use.loose[r] == pytest.approx(8 * np.add.reduceat(clock, edges[:-1]), rel=1e-9)


@given(random_worlds(), billings, st.integers(0, 30), st.integers(1, 7))
@examples(100)
def test_hires_without_friction_cost_what_a_node_for_each_job_costs(world, billing, opens, windows):
    # Jobs of whole nodes, so that no two share one. Every hire ends with its job, so each pays its own rounding.
    rules, paths, _ = world
    size = rules.gpus_per_node
    paths = replace(paths, gpus=-(-paths.gpus // size) * size)
    alone = replace(rules, nodes=0, queue_limit=NEVER, horizon=60)
    hiring = replace(alone, hiring=Hiring())
    ample = Hazards.none(paths.replications, 0, hires=200, slots=200)
    window, mine = max(1, (60 - opens) // windows), whole(alone, opens, hired=billing)
    both = [
        charge(mine, each, paths, reference.serve(each, paths, terms(paths), ample), opens, window, "gpu_time")
        for each in (replace(alone, no_queue=HIRED), hiring)
    ]
    for name in ("lines", "paid", "allocated", "attributed", "memo"):
        assert getattr(both[0], name) == pytest.approx(getattr(both[1], name), rel=1e-9, abs=1e-9, nan_ok=True)
    if (paths.service > 0).all() or not billing.minimum:
        assert both[0].fully_loaded == pytest.approx(both[1].fully_loaded, rel=1e-9, abs=1e-9)


@given(random_worlds(), st.sampled_from(["gpu_time", "equal", "platform"]), st.integers(0, 30), st.integers(1, 7))
@examples(100)
def test_stints_of_a_steady_fleetcost_what_its_rows_cost(world, rule, opens, windows):
    rules, paths, wanted = world
    window, mine = max(1, (rules.horizon - opens) // windows), whole(rules, opens)
    calm = Hazards.none(paths.replications, rules.nodes)
    both = [
        charge(mine, each, paths, reference.serve(each, paths, wanted, calm), opens, window, rule)
        for each in (rules, replace(rules, fails=True))
    ]
    for name in ("lines", "paid", "allocated", "attributed", "fully_loaded", "memo"):
        assert getattr(both[0], name) == pytest.approx(getattr(both[1], name), rel=1e-9, abs=1e-6, nan_ok=True)
