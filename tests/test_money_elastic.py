"""Ledgers of nodes that come and go, worked out by hand."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from ledgers import chats, lines, memo, near, prices, tokens
from worlds import API, HIRED, fleet, jobs, scenario, terms

from sim.engine import fleet as kernel
from sim.engine import reference
from sim.engine.money import (
    MEMO,
    Billing,
    Lender,
    charge,
    node_usd,
    settle,
    tariff,
    token_tariff,
    use_of_nodes,
    use_of_requests,
    window_edges,
)
from sim.ground.hires import Hires
from sim.ground.jobs import Hazards, Hiring, Recovery
from sim.ground.units import NEVER, tick, to_ticks

served = partial(pytest.mark.parametrize("serve", [kernel.serve, reference.serve], ids=["kernel", "simpy"]))


def elastic(gpus=1, horizon=10.0, nodes=0, idle_release=0.0, maximum=NEVER, recovery=None):
    """A fleet that hires."""
    hiring = Hiring(maximum, idle_release=tick(idle_release))
    return replace(fleet(nodes, gpus, horizon), hiring=hiring, recovery=recovery or Recovery())


def hazards(boots, lifetimes=(), nodes=0) -> Hazards:
    """Boots and lifetimes of the hires in hours, in their order; no lifetime: for ever."""
    calm = Hazards.none(1, nodes, len(boots), slots=len(boots))
    calm.boot[0] = to_ticks(boots)
    calm.lifetime[0, : len(lifetimes)] = to_ticks(lifetimes)
    return calm


# Worked by hand


@served()
def test_scale_to_zero(serve):  # oracle O-T10
    paths, rules = jobs([0, 2.5, 4], 1), elastic(idle_release=1)
    rows = serve(rules, paths, terms(paths), hazards([0.25, 0.25, 0.25]))
    mine = prices(hired=Billing(4.09625), hired_list_usd_per_gpu_h=8.1925)
    found = charge(mine, rules, paths, rows, 0, tick(10), "gpu_time")
    assert found.lines.sum() == near(23.5534375)
    assert lines(found) == near({"on_demand_used": 3 * 4.09625, "on_demand_idle": 2.75 * 4.09625})
    assert found.attributed.tolist() == near([4.09625] * 3)
    # On from 0 to 2.25 h for the first, from 2.5 to 6 h for the other two alike.
    assert found.fully_loaded.tolist() == near([2.25 * 4.09625, 1.75 * 4.09625, 1.75 * 4.09625])
    assert memo(found) == near(
        {
            "busy_gpu_h": 3,
            "productive_gpu_h": 3,
            "boot_usd": 0.5 * 4.09625,
            "hires": 2,
            "hires_ready": 2,
            "hired_used_gpu_h": 3,
            "hired_paid_gpu_h": 5.75,
            "list_usd": 3 * 8.1925,
        }
    )
    assert 1 - node_usd(found.lines, found.memo) / found.memo[:, MEMO.index("list_usd")] == near([1 - 5.75 / 6])


@served()
@pytest.mark.parametrize(
    ("interval", "usd", "lost"),
    [(NEVER, 48, 1), (tick(0.75), 39, 0.25), (0, 36, 0)],
    ids=["restart", "checkpoint", "resume"],
)
def test_a_reclaim_pays_only_while_it_runs(serve, interval, usd, lost):  # oracle O-T5
    paths, rules = jobs([0], 3), elastic(recovery=Recovery(interval))
    rows = serve(rules, paths, terms(paths), hazards([0, 0.5], [1]))
    spot = Billing(12.0, spot=True, from_order=False)
    found = charge(prices(hired=spot), rules, paths, rows, 0, tick(10), "gpu_time")
    assert lines(found) == near({"spot_used": usd})
    assert found.fully_loaded.tolist() == found.attributed.tolist() == near([usd])
    told = memo(found)
    assert (told.get("lost_gpu_h", 0), told.get("lost_usd", 0)) == near((lost, 12 * lost))
    assert (told["busy_gpu_h"], told["productive_gpu_h"]) == near((usd / 12, 3))
    ordered = charge(prices(hired=Billing(12.0, spot=True)), rules, paths, rows, 0, tick(10), "gpu_time")
    assert lines(ordered) == near({"spot_used": usd, "spot_idle": 6})  # the second boot


@served()
@pytest.mark.parametrize("at_once", [True, False])
def test_billing_steps(serve, at_once):  # oracle O-T6
    paths = jobs([0, 0, 0, 0], [0.5, 1, 1.0001, 2.25])
    rules = fleet(nodes=0, no_queue=HIRED, horizon=10) if at_once else elastic()
    rows = serve(rules, paths, terms(paths), hazards([0] * 4))
    hourly = prices(hired=Billing(32.77, step=tick(1)))
    found = charge(hourly, rules, paths, rows, 0, tick(10), "equal")
    assert found.fully_loaded.tolist() == near([hours * 32.77 for hours in (1, 1, 2, 3)])
    assert found.lines.sum() == near(229.39)
    by_second = charge(prices(hired=Billing(32.77)), rules, paths, rows, 0, tick(10), "equal")
    assert by_second.lines.sum() == near(155.6666027777778)
    at_least = charge(
        prices(hired=Billing(32.77, spot=True, minimum=tick(1.5))), rules, paths, rows, 0, tick(10), "equal"
    )
    assert at_least.fully_loaded.tolist() == near([hours * 32.77 for hours in (1.5, 1.5, 1.5, 2.25)])
    assert lines(at_least).keys() == {"spot_used", "spot_idle"}
    assert memo(at_least)["hires"] == memo(at_least)["hires_ready"] == 4


@served()
def test_two_small_jobs_share_one_hire(serve):
    # A node of 4 GPUs at 4 USD/h, ordered at 0, ready at 0.5, given back at 2.5. 1 GPU for 1 h, 2 GPUs for 2 h: 5 GPU
    # hours of 10 are used, and what is left is carried 1 to 4. The same under every rule.
    paths, rules = jobs([0, 0], [1, 2], gpus=[1, 2]), elastic(gpus=4)
    rows = serve(rules, paths, terms(paths), hazards([0.5, 0.5]))
    for rule in ("gpu_time", "equal", "platform"):
        found = charge(prices(node_gpus=4, hired=Billing(1.0)), rules, paths, rows, 0, tick(3), rule)
        assert lines(found) == near({"on_demand_used": 5, "on_demand_idle": 5})
        assert found.attributed.tolist() == near([1, 4])
        assert found.fully_loaded.tolist() == near([2, 8])
    assert [*found.paid, *found.allocated] == near([10, 5])


@served()
def test_a_job_of_two_nodes_pays_both_boots(serve):
    # Ready at 0.5 and at 1.5: it runs from 1.5 to 2.5, and both nodes are paid from 0 on.
    paths, rules = jobs([0], [1], gpus=8), elastic(gpus=4, idle_release=3, maximum=2)
    rows = serve(rules, paths, terms(paths), hazards([0.5, 1.5]))
    found = charge(prices(node_gpus=4, hired=Billing(1.0)), rules, paths, rows, 0, tick(10), "gpu_time")
    assert lines(found) == near({"on_demand_used": 8, "on_demand_idle": 2 * 5.5 * 4 - 8})
    assert found.fully_loaded.tolist() == near([44])
    assert memo(found)["boot_usd"] == near(4 * 2)


@served()
@pytest.mark.parametrize(
    ("billing", "usd"),
    [
        (Billing(1.0), 0.5),
        (Billing(1.0, step=tick(0.4), minimum=tick(2)), 0.8),
        (Billing(1.0, from_order=False, minimum=tick(2)), 0),
    ],
)
def test_a_cancelled_order_pays_until_it_is_cancelled(serve, billing, usd):
    # The job loses patience after half an hour, while its node boots; a second one comes at 9.5 h and its node is still
    # on its way when the clock stops.
    paths, rules = jobs([0, 9.5], 1), elastic()
    rows = serve(rules, paths, terms(paths, patience=[0.5, 5]), hazards([1, 1]))
    assert rows.outcome.tolist() == [API, 0]
    found = charge(prices(hired=billing, api_usd_per_job=3), rules, paths, rows, 0, tick(5), "equal")
    late = 0.5 if billing.from_order else 0
    assert lines(found) == near({"api": 3} | ({"on_demand_idle": usd + late} if usd else {}))
    assert found.fully_loaded.tolist() == near([3 + usd, late])  # each in the window of its order
    assert memo(found)["hires"] == 2
    assert "hires_ready" not in memo(found)


@served()
def test_an_unused_order_is_shared_in_the_window_that_begins_with_it(serve):
    # Both jobs lose patience after half an hour, 1 USD, while their nodes boot; the second comes as a window begins.
    paths, rules = jobs([0, 5], 1), elastic()
    rows = serve(rules, paths, terms(paths, patience=0.5), hazards([1, 1]))
    found = charge(prices(hired=Billing(2.0)), rules, paths, rows, 0, tick(5), "equal")
    assert found.fully_loaded.tolist() == near([1, 1])


@served()
@pytest.mark.parametrize(("from_order", "paid"), [(True, 2), (False, 2)])
def test_a_minimum_begins_where_billing_does(serve, from_order, paid):
    paths, rules = jobs([0, 8.5], 0.1), elastic()
    rows = serve(rules, paths, terms(paths), hazards([0.5, 0.5]))
    mine = prices(hired=Billing(1.0, from_order=from_order, minimum=tick(2)))
    found = charge(mine, rules, paths, rows, 0, tick(10), "gpu_time")
    last = 1.5 if from_order else 1  # cut where the clock stops
    assert found.fully_loaded.tolist() == near([paid, last])


@served()
def test_hires_of_the_warm_up(serve):
    # Counting begins at 2 h. Two jobs share a node of 2 GPUs from 0 on: the first is not counted, nor is its hour
    # before 2; another hire ends before anything is counted. The counted one comes at 2 h and shares the first node.
    paths, rules = jobs([0, 2], [3, 2]), elastic(gpus=2)
    rows = serve(rules, paths, terms(paths), hazards([0, 0]))
    assert rows.node.tolist() == [0, 0]
    found = charge(prices(node_gpus=2, hired=Billing(1.0)), rules, paths, rows, tick(2), tick(10), "platform")
    # Paid from 2 to 4 h: 4 GPU hours, of which 1 and 2 are used and 1 is idle, a third of it by who is not counted.
    assert lines(found) == near({"on_demand_used": 3, "on_demand_idle": 1})
    assert found.fully_loaded.tolist() == near([0, 2 + 2 / 3])
    shared = charge(prices(node_gpus=2, hired=Billing(1.0)), rules, paths, rows, tick(2), tick(10), "gpu_time")
    assert shared.fully_loaded.tolist() == near([0, 4])


@served()
def test_a_held_base_with_hires_on_top(serve):
    # Two windows of 5 h. The held node runs the first job from 1 to 7, a hired one the second from 2 to 4. Held: 4 h
    # used in the first window, 2 in the second; idle 1 and 3.
    paths, rules = jobs([1, 2], [6, 2]), elastic(nodes=1)
    rows = serve(rules, paths, terms(paths), hazards([0], nodes=1))
    mine = prices(held_usd=10, held_gpus=1, held_usd_per_gpu_h=1, hired=Billing(3.0), held_list_usd_per_gpu_h=2)
    found = charge(mine, rules, paths, rows, 0, tick(5), "equal")
    assert lines(found) == near({"held_used": 6, "held_idle": 4, "on_demand_used": 6})
    assert found.attributed.tolist() == near([6, 6])
    assert found.fully_loaded.tolist() == near([8, 8])
    told = memo(found)
    hours = [told[f"{name}_gpu_h"] for name in ("held_used", "hired_used", "held_paid")]
    assert hours == near([6, 2, 10])  # coverage 75 %, commitment utilization 60 %
    assert np.isnan(told["list_usd"])  # of the hired instance the book knows no list price
    assert [*found.paid, *found.allocated] == near([12, 8])


@served()
def test_what_a_failure_costs_is_told_and_not_added(serve):
    # A held node fails at 2.5 h and is back at 3. Checkpoints every hour of work take a quarter of an hour: saved at
    # 1.25 and at 2.5, so the job of 3 h has lost nothing; then a restart of half an hour and 1.25 h more. If it fails
    # at 2.25, an hour of work is lost.
    paths = jobs([0], 3)
    rules = replace(fleet(horizon=10), fails=True, recovery=Recovery(tick(1), tick(0.25), tick(0.5)))
    for fails_at, lost, ends in ((2.5, 0, 4.75), (2.25, 1, 6)):
        broken = replace(Hazards.none(1, 1), windows=to_ticks([[[0, fails_at, 3, 100]]]))
        rows = serve(rules, paths, terms(paths), broken)
        mine = prices(held_usd=20, held_gpus=1, held_usd_per_gpu_h=2)
        found = charge(mine, rules, paths, rows, 0, tick(10), "gpu_time")
        ran = fails_at + ends - 3
        assert rows.end.tolist() == [tick(ends)]
        assert lines(found) == near({"held_used": 2 * ran, "held_idle": 20 - 2 * ran})
        told = memo(found)
        recovery = ran - 3 - lost
        assert (told["recovery_gpu_h"], told["recovery_usd"]) == near((recovery, 2 * recovery))
        assert (told.get("lost_gpu_h", 0), told["productive_gpu_h"]) == near((lost, 3))


# Lending, and requests on hired nodes


@served()
@pytest.mark.parametrize("rule", ["gpu_time", "equal"])
def test_borrowed_nodes_are_paid_at_the_lenders_rate(serve, rule):
    # Two windows of 5 h. Serving holds two GPUs at 3 USD/h, 60 USD, and lends one of them from 2 to 8 h. A tune of 6 h
    # runs on the tuners' own GPU (1 USD/h) from 0 on; another of 4 h on the lent one from 2 to 6: 9 and 3 USD a window.
    paths, edges = jobs([0, 1], [6, 4]), window_edges(0, tick(10), tick(5))
    rules = replace(fleet(horizon=10), lent=1)
    windows = to_ticks([[[0, 100, 200, 300], [2, 8, 100, 200]]])
    rows = serve(rules, paths, terms(paths), replace(Hazards.none(1, 2), windows=windows))
    mine = prices(
        held_usd=10, held_gpus=1, held_usd_per_gpu_h=1, lenders=(Lender(1, 3.0, 4),), held_list_usd_per_gpu_h=2
    )
    tunes = use_of_nodes(mine, rules, paths, rows, edges, rule)
    chat = use_of_requests(tokens(held_usd=60, held_gpus=2, usd_per_gpu_h=3), *chats([6], [3, 3]), edges, rule)
    bill, (of_tunes, of_chats) = settle([tunes, chat], 0, 0, edges, rule, lenders=[1])
    assert lines(bill) == near({"held_used": 6 + 12 + 18, "held_idle": 4 + 30})
    assert of_tunes.attributed.tolist() == near([6, 12])
    assert of_tunes.fully_loaded.sum() == near(6 + 12 + 4)
    assert of_chats.fully_loaded.tolist() == near([60 - 12])
    assert [*bill.paid, *bill.allocated] == near([30, 16])
    told = memo(bill)
    assert (told["held_used_gpu_h"], told["held_paid_gpu_h"]) == near((16, 30))
    assert np.isnan(told["list_usd"])
    assert tunes.memo[0, MEMO.index("list_usd")] == near(6 * 2 + 4 * 4)


@served()
def test_two_lenders_lose_each_its_own(serve):
    # Three lent nodes: one of the first lender at 3 USD/h, two of the second at 5. Jobs of 1, 2 and 3 h run there from
    # 0 on, in the order of nodes; that of 2 h came before counting began, at 1 h, so it uses an hour and does not pay.
    paths, edges = jobs([0, 0, 1], [2, 2, 3]), window_edges(tick(1), tick(11), tick(5))
    rules = replace(fleet(nodes=0, horizon=11), lent=3)
    rows = serve(rules, paths, terms(paths), Hazards.none(1, 3))
    mine = prices(lenders=(Lender(1, 3.0), Lender(2, 5.0)))
    tunes = use_of_nodes(mine, rules, paths, rows, edges, "gpu_time")
    sides = [tunes]
    for gpus, rate in ((1, 3), (2, 5)):
        its = tokens(held_usd=10 * gpus * rate, held_gpus=gpus, usd_per_gpu_h=rate)
        sides.append(use_of_requests(its, *chats([1], [1, 0], opens=tick(1)), edges, "gpu_time"))
    bill, shares = settle(sides, 0, 0, edges, "gpu_time", lenders=[1, 2])
    assert bill.lines.sum() == near(30 + 100)
    assert shares[0].attributed.tolist() == near([0, 0, 15])
    assert shares[0].fully_loaded.tolist() == near([0, 0, 3 + 5 + 15])
    assert [each.fully_loaded.tolist() for each in shares[1:]] == [near([30 - 3]), near([100 - 20])]
    assert settle(sides, 0, 0, edges, "gpu_time", lenders=[1, 2])[0].lines.tolist() == bill.lines.tolist()


def test_serving_on_hired_nodes():
    # Windows of 5 h; nodes of 4 GPUs at 8 USD/h in steps of an hour, at least 2 h. One from 0 to 4.5 h (paid 5), one
    # from 4 to 4.5 (2 h, one in each window), one ordered at 9 and not ready when the clock stops, one cancelled at 1.2
    # after half an hour (1 h): 9 h, of which 7 in the first window. A replica of 2 GPUs was busy for 3 and 0.5 h.
    edges = window_edges(0, tick(10), tick(5))
    hires = Hires(
        np.array([0, 4]),
        np.array([0, 1, 1, 0]),
        to_ticks([0, 0.7, 4, 9]),
        np.array([tick(0.5), NEVER, tick(4), tick(11)]),
        np.array([tick(4.5), tick(1.2), tick(4.5), NEVER]),
    )
    mine = tokens(replica_gpus=2, usd_per_gpu_h=2, node_gpus=4, list_usd_per_gpu_h=3)
    mine = replace(mine, hired=Billing(2.0, step=tick(1), minimum=tick(2)))
    use = use_of_requests(mine, *chats([3, 4], [3, 0.5], hires=hires), edges, "gpu_time")
    bill, (shares,) = settle([use], 0, 0, edges, "gpu_time")
    assert lines(bill) == near({"on_demand_used": 14, "on_demand_idle": 72 - 14})
    assert use.loose.tolist() == [near([7 * 8 - 12, 2 * 8 - 2])]
    assert shares.fully_loaded.tolist() == near([72 * 3 / 7, 72 * 4 / 7])
    assert [*bill.paid, *bill.allocated] == near([36, 7])
    assert memo(bill) == near(
        {
            "busy_gpu_h": 7,
            "productive_gpu_h": 7,
            "boot_usd": 8 * (0.5 + 1 + 1),
            "hires": 4,
            "hires_ready": 2,
            "hired_used_gpu_h": 7,
            "hired_paid_gpu_h": 36,
            "list_usd": 21,
        }
    )
    held = replace(mine, hired=None, held_usd=80, held_gpus=4)
    scheduled = use_of_requests(held, *chats([3, 4], [3, 0.5], hires=hires), edges, "gpu_time")
    assert scheduled.lines.sum() == 80
    assert scheduled.paid.tolist() == [40]


# Tariffs

HOURLY = {
    "spot": True,
    "bill_from": "ready",
    "billing_step_s": 3600,
    "minimum_minutes": 90,
    "instance": "p4d.24xlarge",
    "usd_per_node_h": 16,
}


def test_a_tariff_tells_how_hires_are_billed():
    article = scenario(settings={"plans.on_demand.hired": {"p4d": HOURLY}})
    mine = tariff(article, article.plans["on_demand"])
    assert mine == prices(
        node_gpus=8,
        hired=Billing(2.0, spot=True, from_order=False, step=tick(1), minimum=tick(1.5)),
        hired_list_usd_per_gpu_h=32.7726 / 8,
    )


def test_tariffs_of_lenders_and_of_serving_on_hired_nodes():
    serve = {"base_ms": 10, "kv_tokens": 1000, "max_num_seqs": 4, "token_budget": 4, "gpus_per_replica": 4}
    day = serve | {"classes": ["chat"], "schedule": [{"from_hour": 8, "nodes": 3}, {"from_hour": 20, "nodes": 1}]}
    scaled = serve | {"classes": ["code"], "autoscale": {"target": 2, "maximum": 5}}
    box = {"instance": "p4d.24xlarge", "usd_per_node_h": 24}
    plan = {
        "held": {
            "own": box | {"nodes": 1, "usd_per_node_h": 8},
            "odd": {"gpus": 8, "usd_per_node_h": 16, "nodes": 1},
            "day": box | {"nodes": 4, "serve": day},
        },
        "hired": {"more": HOURLY | {"spot": False, "serve": scaled}},
    }
    nobody = {"kind": "inference", "arrivals": {"law": "poisson", "rate_per_second": 1}}
    chat = nobody | {"prompt_tokens": 9, "output_tokens": 9}
    world = scenario(settings={"plans": {"plan": plan}, "workload.chat": chat, "workload.code": chat})
    mine = world.plans["plan"]
    # The book knows no price of the odd node, so it has none of the held nodes on the whole.
    assert tariff(world, mine) == prices(
        held_usd=24 * 8760, held_gpus=16, node_gpus=8, held_usd_per_gpu_h=1.5, lenders=(Lender(3, 3.0, 32.7726 / 8),)
    )
    lending, hired, api = (token_tariff(world, mine, name) for name in ("day", "more", None))
    assert (lending.held_usd, lending.held_gpus, lending.replica_gpus, lending.usd_per_gpu_h) == (96 * 8760, 32, 4, 3)
    assert (lending.hired, lending.node_gpus, lending.list_usd_per_gpu_h) == (None, 8, 32.7726 / 8)
    assert (hired.held_usd, hired.held_gpus, hired.replica_gpus, hired.usd_per_gpu_h) == (0, 0, 4, 2)
    assert hired.hired == Billing(2.0, from_order=False, step=tick(1), minimum=tick(1.5))
    assert (api.held_usd, api.node_gpus, api.hired, api.list_usd_per_gpu_h) == (0, 0, None, None)


def test_list_prices_of_two_instances_have_one_mean():
    both = {
        name: {"instance": name + ".24xlarge", "usd_per_node_h": 1, "nodes": nodes}
        for name, nodes in (("p4d", 1), ("p4de", 3))
    }
    article = scenario(settings={"plans.reserved.held": both})
    mine = tariff(article, article.plans["reserved"])
    assert mine.held_list_usd_per_gpu_h == near((32.7726 + 3 * 40.96575) / 4 / 8)
