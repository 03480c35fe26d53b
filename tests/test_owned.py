"""Nodes that are owned: what an hour costs by hand, where each figure comes from, what is refused."""

import pytest
from studies import CHAT
from worlds import scenario

import sim
from sim.ground.faults import InputError

HALL = {"usd_per_kwh": 0.1, "pue": 1.5, "load_share": 0.8, "space_usd_per_kw_month": 100}
OWN = {"usd": 219_000, "life_years": 5, "resale_share": 0.2, "power_kw": 10, "maintenance_share_per_year": 0.04}


def plan(owned, **group):
    """The article with a plan that owns its node."""
    return scenario(settings={"plans.reserved.held": {"box": {"nodes": 1, "gpus": 8, "owned": owned} | group}})


def inputs(found, plan_name="reserved"):
    return {entry.what: entry for entry in found.plans[plan_name].inputs(found.price_date)}


def test_an_hour_by_hand():
    """4 USD of capital, 1 of upkeep, 10 x 0.8 x 1.5 x 0.1 of power, 10 x 100 x 12 / 8760 of space."""
    found = inputs(plan(OWN | HALL))
    price = found["held box (owned)"]
    assert price.value == pytest.approx(4 + 1 + 1.2 + 12_000 / 8760, rel=1e-12)
    assert (price.unit, price.basis) == ("USD per node hour", "computed")
    assert price.source == "capital 4 + power 1.2 + space 1.37 + maintenance 1: straight line, without interest"


def test_the_bill_is_that_hour_busy_or_idle():
    found = sim.run(plan(OWN | HALL), replications=2).result["plans"]["reserved"]
    year = found["bill_usd"]["held_used"].value + found["bill_usd"]["held_idle"].value
    assert year == pytest.approx(8760 * (4 + 1 + 1.2 + 12_000 / 8760), rel=1e-9)


def test_a_server_of_the_catalog_tells_its_price_and_power():
    group = {"server": "hgx_h100_80gb_x8", "gpus": None}
    world = plan({"usd_per_kwh": 0.12, "sources": {"usd_per_kwh": "measured: last year's invoice"}}, **group)
    found, held = inputs(world), world.plans["reserved"].held["box"]
    assert (held.gpus_per_node, held.gpu) == (8, "H100-80GB")
    told = {key.removeprefix("held box: "): (each.value, each.basis) for key, each in found.items() if ": " in key}
    assert told == {
        "usd": (317_000, "quote, second-hand"),
        "life_years": (5, "assumed"),
        "resale_share": (0, "assumed"),
        "power_kw": (10.2, "datasheet"),
        "load_share": (1, "assumed"),
        "usd_per_kwh": (0.12, "measured"),
        "pue": (1.58, "survey"),
        "space_usd_per_kw_month": (184.06, "survey"),
        "maintenance_share_per_year": (0, "assumed"),
    }
    assert all(each.source for each in found.values())
    assert found["held box: usd"].seen.isoformat() == "2024-08-22"
    hour = 317_000 / 5 / 8760 + 10.2 * 1.58 * 0.12 + 184.06 * 10.2 * 12 / 8760
    assert found["held box (owned)"].value == pytest.approx(hour, rel=1e-12)


def test_a_server_knows_its_gpu_and_serves():
    serve = {"model": "llama_3_1_8b", "max_num_seqs": 16, "token_budget": 512}
    group = {"nodes": 1, "server": "dgx_b200_180gb_x8", "owned": {"usd_per_kwh": 0.1}, "serve": serve}
    held = scenario(CHAT, {"plans.own.held": {"gpu": group}}).plans["own"].held["gpu"]
    assert held.replicas == 8
    assert "1 x B200-180GB" in held.profile.source


@pytest.mark.parametrize(
    ("owned", "group", "refusal"),
    [
        ({"usd_per_kwh": 0.1}, {}, r"must have owned.usd, because no `server` of the catalog tells it"),
        ({"usd_per_kwh": 0.1, "usd": 1, "life_years": 1}, {}, r"must have owned.power_kw, because no `server`"),
        (None, {"server": "dgx_h100_80gb_x8", "gpus": None, "usd_per_node_h": 3}, r"must have `owned` with `server`"),
        (OWN | HALL, {"usd_per_node_h": 3}, r"must have exactly one of `rate`, `usd_per_node_h`, `owned`, got"),
        (OWN | HALL, {"server": "dgx_h100", "gpus": None}, r"got 'dgx_h100'; did you mean `dgx_h100_80gb_x8`\?"),
        (
            OWN | HALL,
            {"server": "dgx_h100_80gb_x8"},
            r"exactly one of `instance`, `gpus`, `server`, got gpus and server",
        ),
        (OWN | HALL, {"gpus": None, "instance": "p5.48xlarge"}, r"must have `server` or `gpus` with `owned`"),
        (OWN | HALL, {"source": "me"}, r"must name the sources of owned nodes in owned.sources"),
        (OWN | HALL | {"pue": 0.9}, {}, r"owned.pue must be a number from 1 to 10, got 0.9"),
        (OWN | HALL | {"sources": {"usdd": "x"}}, {}, r"the name 'usdd' must be 'usd', 'life_years'"),
        (OWN, {}, r"owned.usd_per_kwh is missing"),
    ],
)
def test_what_cannot_be_owned_is_refused(owned, group, refusal):
    with pytest.raises(InputError, match=refusal):
        plan(owned, **group)


def test_hired_nodes_are_not_owned():
    with pytest.raises(InputError, match="owned is not a key here"):
        scenario(settings={"plans.on_demand.hired.p4d.owned": OWN | HALL})


def test_the_figures_of_an_owned_node_by_their_keys():
    held = plan(OWN | HALL).plans["reserved"].held["box"].figures()
    assert {key: held[key] for key in OWN | HALL} == OWN | HALL
    with pytest.raises(LookupError, match="these nodes are rented"):
        scenario().plans["reserved"].held["p4d"].figures()
