"""A world for the live page that is computed by hand: no simulation, so what the page must show is known."""

import contextlib
import math
import threading
import time
from pathlib import Path

from sim.doors.live.routes import Routes
from sim.doors.live.server import LiveServer
from sim.doors.live.shelf import Shelf
from sim.ground.faults import InputError

NODE, STAFF, TOKENS, HOURS = 19.22, 200_000.0, 1e6, 2.0
FIRST = 8
RATES = [0.5 * 24 ** (k / 16) for k in range(17)]
PLANS = ("reserved", "on_demand", "api")


def lever(name, kind, label, unit, value, low, high, log=True, whole=False, basis="stated", plans=PLANS):
    return {
        "name": name,
        "kind": kind,
        "label": label,
        "unit": unit,
        "value": value,
        "low": low,
        "high": high,
        "log": log,
        "whole": whole,
        "basis": basis,
        "plans": list(plans),
    }


LEVERS = [
    lever("tuning_rate", "rate", "runs a day", "a day", 6.0, 0.5, 12.0),
    lever("reserved_nodes", "nodes", "nodes of reserved", "nodes", 1.0, 0, 8, log=False, whole=True, plans=PLANS[:1]),
    lever("patience", "patience", "patience before the API is used", "h", 4.0, 0, 48, log=False, plans=PLANS[:1]),
    lever("p4d_price", "node_price", "price of a reserved p4d", "USD/h", NODE, 1.9, 192.0, basis="list price"),
    lever("api_price", "api_price", "API price", "USD per million tokens", 8.0, 0.8, 80.0, basis="list price"),
    lever("staff_pay", "staff", "pay of an engineer", "USD a year", STAFF, 0, 6e5, log=False, basis="assumed"),
]


def est(value, width=0.0):
    return {"value": value, "low": value * (1 - width), "high": value * (1 + width)}


class Look:
    """A scenario made ready by hand."""

    def __init__(self, scenario):
        self.name = scenario.name

    def as_json(self):
        return {
            "scenario": self.name,
            "question": "Fine-tune on a reserved node, on a rented one, or at the API?",
            "teaches": "At low load the API is cheaper.",
            "levers": LEVERS,
            "classes": [{"name": "tuning", "kind": "fine_tune", "money": "USD a run", "wait": "wait, h"}],
            "plans": list(PLANS),
            "curve_levers": ["tuning_rate"],
        }


class HandEngine:
    """Costs by formulas: a line for each plan, and the wait of M/M/1."""

    def __init__(self, delay=0.0):
        self.delay = delay
        self.asked = []

    def look(self, scenario, text):
        return Look(scenario)

    def answer(self, look, values, paths, superseded, curve):
        paths = paths or FIRST
        for name in values:
            if name not in {each["name"] for each in LEVERS}:
                raise InputError.one(name, "is no lever here")
        self.asked.append((dict(values), paths))
        end = time.monotonic() + self.delay * paths
        while time.monotonic() < end and not superseded():
            time.sleep(0.002)
        return told(look, values, paths)

    def scenario(self, look, values):
        return f"name: {look.name}\n# {values}\n"

    def table(self, look, values, paths):
        return f"plan,paths\nreserved,{paths}\n"

    def report(self, look, values, paths):
        return f"<!doctype html><title>{look.name}</title>\n"


def told(look, values, paths):
    """What the page is told at a place: from formulas, in no time."""
    v = {each["name"]: each["value"] for each in LEVERS} | values
    rate, width = v["tuning_rate"], 0.2 / math.sqrt(paths)
    costs = {plan: cost(plan, rate, v) for plan in PLANS}
    able = {plan: serves(plan, rate, v) for plan in PLANS}
    best = min((plan for plan in PLANS if able[plan]), key=costs.get)
    sentence = f"{best} is cheapest: {costs[best]:.2f} USD a run, in 97 % of the years."
    plans = [
        {
            "name": plan,
            "eligible": able[plan],
            "reason": None if able[plan] else "the queue grows without end",
            "bill": est(costs[plan] * rate * 365, width / 10),
            "chance": est(0.97 if plan == best else 0.015) if able[plan] else None,
            "utilization": est(load(rate, v), width) if plan == "reserved" else None,
            "idle_usd": est((1 - load(rate, v)) * v["p4d_price"] * 8760 if plan == "reserved" else 0.0),
            "classes": {"tuning": {"cost": spread(costs[plan], width), "wait": waits(plan, rate, v, width)}},
        }
        for plan in PLANS
    ]
    return {
        "scenario": look.name,
        "paths": paths,
        "next_paths": None if paths >= 200 else min(4 * paths, 200),
        "most_paths": 200,
        "final": paths >= 200,
        "seed": 1,
        "hash": "0" * 12,
        "horizon_days": 365,
        "shortened": None,
        "values": values,
        "verdict": {"sentence": sentence, "plan": best, "chance": est(0.97, 0.01), "alike": []},
        "classes": look.as_json()["classes"],
        "plans": plans,
        "curve": curve_of(v, rate),
        "warnings": [{"code": "few", "text": "Few paths: intervals are wide."}] if paths < 20 else [],
        "took_ms": 1.0,
    }


def load(rate, v):
    return rate * HOURS / 24 / v["reserved_nodes"] if v["reserved_nodes"] else math.inf


def serves(plan, rate, v):
    return plan != "reserved" or load(rate, v) < 0.97


def cost(plan, rate, v):
    staff = v["staff_pay"] / 365 / rate
    if plan == "api":
        return v["api_price"]
    if plan == "on_demand":
        return 32.77 * HOURS + staff
    return v["p4d_price"] * v["reserved_nodes"] * 24 / rate + staff


def spread(mean, width):
    return {"mean": est(mean, width), "p5": mean * 0.5, "p50": mean * 0.93, "p95": mean * 1.8}


def waits(plan, rate, v, width):
    rho = load(rate, v)
    mean = HOURS * rho / (1 - rho) if plan == "reserved" and rho < 0.97 else 0.0
    return {"mean": est(mean, width), "p95": est(mean * 2.5, width)}


def curve_of(v, now):
    def line(plan):
        able = [serves(plan, x, v) for x in RATES]
        means = [cost(plan, x, v) if ok else None for x, ok in zip(RATES, able, strict=True)]
        of = {
            which: [m and m * f for m in means] for which, f in (("mean", 1), ("p5", 0.5), ("p50", 0.93), ("p95", 1.8))
        }
        of["wait_p95"] = [
            waits(plan, x, v, 0)["p95"]["value"] if ok else None for x, ok in zip(RATES, able, strict=True)
        ]
        return {"classes": {"tuning": of}, "eligible": able}

    cheapest = [min((p for p in PLANS if serves(p, x, v)), key=lambda p, x=x: cost(p, x, v)) for x in RATES]
    return {
        "lever": "tuning_rate",
        "label": "runs a day",
        "unit": "a day",
        "log": True,
        "x": RATES,
        "paths": [FIRST] * len(RATES),
        "id": "same",
        "now": now,
        "plans": {plan: line(plan) for plan in PLANS},
        "cheapest": cheapest,
    }


@contextlib.contextmanager
def serving(engine=None, files=(), host="127.0.0.1", port=0, token=None):
    """Run a server in this process, with the engine made by hand unless another is given."""
    engine = engine or HandEngine()
    shelf = Shelf([Path(file) for file in files], engine.look)
    said = []
    routes = Routes(shelf, engine, shelf.titles()[0].name if files else "article")
    server = LiveServer(host, port, token, routes, said.append)
    server.said = said
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


if __name__ == "__main__":
    import sys

    with serving(port=int(sys.argv[1])) as running:
        print(running.access.address(), flush=True)
        threading.Event().wait()
