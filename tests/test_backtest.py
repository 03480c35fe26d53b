"""A month simulated against an invoice made by hand: to the cent, with a wrong price, wrong use; what is refused."""

import csv
import gzip
import io
import json
from decimal import Decimal

import pytest
from refusals import flat, here, refused

from sim.ground.faults import InputError
from sim.questions.backtest import read_invoice
from sim.questions.backtest.lines import unit_of

MONTH = """\
name: month
seed: 1
horizon_days: 28
workload:
  tuning:
    kind: fine_tune
    arrivals: {law: deterministic, mean_hours: 12}
    gpus: 8
    service_hours: 3
  batch:
    kind: inference
    arrivals: {law: deterministic, mean_hours: 1}
    prompt_tokens: 100000
    output_tokens: 10000
  chat:
    kind: inference
    arrivals: {law: deterministic, mean_hours: 2}
    prompt_tokens: 100
    output_tokens: 10
plans:
  now:
    held:
      h100: {gpus: 8, nodes: 2, usd_per_node_h: 10, serve: {base_ms: 10, kv_tokens: 100000, classes: [chat]}}
    hired: {a100: {gpus: 8, usd_per_node_h: 20}}
    api: {usd_per_million_input_tokens: 2, usd_per_million_output_tokens: 4}
    overhead_usd_per_year: 876000
"""
"""February 2026: 672 hours; 55 jobs of 3 h on hired nodes, 671 requests at the API, 2 nodes held."""

COSTS = ["BilledCost", "EffectiveCost", "ListCost", "BillingCurrency", "BillingPeriodStart"]
PERIOD = ["ChargePeriodStart", "ChargePeriodEnd", "ChargeCategory", "ChargeClass", "PricingCategory"]
SERVICE = ["ServiceCategory", "ServiceName", "SkuId", "ResourceId", "ConsumedQuantity", "ConsumedUnit"]
HEAD = [*COSTS, *PERIOD, *SERVICE, "PricingQuantity", "PricingUnit", "CommitmentDiscountId", "CommitmentDiscountStatus"]
USUAL = {
    "BillingCurrency": "USD",
    "BillingPeriodStart": "2026-02-01T00:00:00Z",
    "ChargePeriodStart": "2026-02-01T00:00:00Z",
    "ChargePeriodEnd": "2026-03-01T00:00:00Z",
    "ChargeCategory": "Usage",
    "PricingCategory": "Standard",
    "ServiceCategory": "Compute",
    "ServiceName": "Compute Cloud",
}
COMMITTED = {"PricingCategory": "Committed", "CommitmentDiscountId": "ri-1"}
AI = {"ServiceCategory": "AI and Machine Learning", "ServiceName": "Model API"}


def charge(usd, billed=None, **cells):
    """One row: its effective cost, and what was billed where that is another."""
    return USUAL | {"EffectiveCost": usd, "BilledCost": usd if billed is None else billed} | cells


def hours(count, unit="Hours"):
    return {"ConsumedQuantity": count, "ConsumedUnit": unit}


ROWS = [
    charge("10000.00", 0, **COMMITTED, **hours(1000), CommitmentDiscountStatus="Used"),
    charge("3440", 0, **COMMITTED, CommitmentDiscountStatus="Unused", PricingQuantity=344, PricingUnit="Hours"),
    charge(0, "13440.00", **COMMITTED, ChargeCategory="Purchase"),
    *(charge("60.00", ChargePeriodEnd="2026-02-01T04:00:00+01:00", **hours(10_800, "Seconds")) for _ in range(54)),
    charge("60.0000", **hours(3, "instance hours")),
    charge("134.20", **AI, SkuId="in", ConsumedQuantity=67_100, ConsumedUnit="1K tokens"),
    charge("26.84", **AI, SkuId="out", ConsumedQuantity="6.71", ConsumedUnit="1M Tokens"),
    charge("12.345678901", ServiceCategory="Storage", ServiceName="Object Store", ConsumedUnit="GB-Mo"),
    charge("3.1", ServiceCategory="Networking", ServiceName="Gateway"),
    charge("55.5", **hours(100, "vCPU-Hours")),
    charge("1000", ChargeCategory="Tax", ServiceCategory="Other", ServiceName="Tax"),
    charge("-200.25", ChargeCategory="Credit", ServiceName="Promotion"),
    charge("-7", ChargeClass="Correction", ChargePeriodStart="2026-01-01", ChargePeriodEnd="2026-02-01"),
    charge("9", ChargePeriodStart="2026-01-31T23:00:00Z", ChargePeriodEnd="2026-02-01T00:00:00Z", **hours(1)),
]


JOBS = ("60.00", "60.0000")


def export(tmp_path, rows, name="focus.csv"):
    out = io.StringIO()
    writer = csv.DictWriter(out, HEAD, restval="")
    writer.writeheader()
    writer.writerows(rows)
    (tmp_path / "month.yaml").write_text(MONTH)
    (tmp_path / name).write_text(out.getvalue())
    return tmp_path / name


def compared(tmp_path, rows, *arguments):
    """The result of the command as JSON; it always adds up."""
    file = export(tmp_path, rows)
    arguments = ("--reps", 2, *arguments, "--format", "json")
    status, out, err = here("backtest", "month.yaml", "--invoice", file.name, *arguments, cwd=tmp_path)
    assert status == 0, err
    found = json.loads(out)
    assert found["adds_up"] is True
    column = {"effective": "EffectiveCost", "billed": "BilledCost"}[found["cost"]]
    assert found["invoice_usd"][found["cost"]] == float(sum(Decimal(str(row[column])) for row in rows))
    return found


def test_a_deterministic_month_agrees_to_the_cent(tmp_path):
    found = compared(tmp_path, ROWS)
    usd = {
        line: (each["invoice_usd"], round(each["simulated_usd"]["value"], 2)) for line, each in found["lines"].items()
    }
    assert usd == {
        "held": (13_440, 13_440),
        "on_demand": (3_300, 3_300),
        "spot": (0, 0),
        "api": (161.04, 161.04),
    }
    for line, quantity in (("held", 1344), ("on_demand", 165), ("api", 671 * 110_000)):
        each = found["lines"][line]
        assert each["invoice_quantity"] == pytest.approx(quantity, rel=1e-12)
        assert each["simulated_quantity"]["value"] == pytest.approx(quantity, rel=1e-12)
        assert (each["by_price_usd"], each["by_use_usd"]) == pytest.approx((0, 0), abs=1e-6)
    assert (found["lines"]["held"]["unit"], found["lines"]["api"]["unit"]) == ("node hours", "tokens")
    assert {key: (each["usd"], each["rows"]) for key, each in found["not_simulated"].items()} == {
        "Compute: Compute Cloud": (55.5, 1),
        "Networking: Gateway": (3.1, 1),
        "Storage: Object Store": (12.345678901, 1),
        "corrections": (-7, 1),
        "credits": (-200.25, 1),
        "other months": (9, 1),
        "tax": (1000, 1),
    }
    assert found["not_invoiced"]["overhead"]["value"] == pytest.approx(67_200)
    assert found["invoice_usd"]["billed"] == found["invoice_usd"]["effective"]


def test_a_wrong_price_is_told_from_wrong_use(tmp_path):
    dearer = [row | {"EffectiveCost": "66"} if row["EffectiveCost"] in JOBS else row for row in ROWS]
    each = compared(tmp_path, dearer)["lines"]["on_demand"]
    assert (each["invoice_usd"], each["difference_usd"]) == (3_630, pytest.approx(-330))
    assert (each["by_price_usd"], each["by_use_usd"]) == pytest.approx((-330, 0), abs=1e-6)
    assert (each["invoice_price"], each["simulated_price"]) == pytest.approx((22, 20))
    longer = [*ROWS, charge("660", **hours(33))]
    each = compared(tmp_path, longer)["lines"]["on_demand"]
    assert (each["by_price_usd"], each["by_use_usd"]) == pytest.approx((0, -660), abs=1e-6)
    both = [*dearer, charge("726", **hours(33))]
    each = compared(tmp_path, both)["lines"]["on_demand"]
    assert (each["by_price_usd"], each["by_use_usd"]) == pytest.approx((-330, -726), abs=1e-6)


def test_spot_and_what_was_billed(tmp_path):
    spot = [row | {"PricingCategory": "Dynamic"} if row["EffectiveCost"] in JOBS else row for row in ROWS]
    found = compared(tmp_path, spot, "--set", "plans.now.hired.a100.spot=true", "--cost", "billed")
    lines = found["lines"]
    assert (lines["spot"]["invoice_usd"], round(lines["spot"]["simulated_usd"]["value"], 2)) == (3_300, 3_300)
    assert lines["spot"]["simulated_quantity"]["value"] == pytest.approx(165)
    assert lines["held"]["invoice_usd"] == 13_440  # the purchase, not what it covers
    assert lines["on_demand"]["rows"] == 0


def test_trained_tokens_count_beside_those_of_requests(tmp_path):
    """55 jobs of 2 million tokens at 8 USD a million, and all requests at the same API."""
    plan = "{api: {usd_per_million_tokens: 8, usd_per_million_input_tokens: 2, usd_per_million_output_tokens: 4}}"
    told = ("--set", f"plans.now={plan}", "--set", "workload.tuning.tokens_millions=2")
    each = compared(tmp_path, ROWS, *told)["lines"]["api"]
    assert each["simulated_quantity"]["value"] == 671 * 110_000 + 335 * 110 + 55 * 2_000_000
    assert each["simulated_usd"]["value"] == pytest.approx(161.04 + 335 * 240e-6 + 880)
    assert each["by_price_usd"] + each["by_use_usd"] == pytest.approx(each["difference_usd"])


ERRORS = "error_share: 1, errors_charged: true, retries: {most: 3, first_s: 1}"
UNITS = "reserved: {units: 2, tokens_per_minute_per_unit: 110000, usd_per_unit_h: 1}"


@pytest.mark.parametrize(
    ("account", "times", "held"),
    [(ERRORS, 4, {"node hours": 0}), (UNITS, 0, {})],
    ids=["every error is paid", "units take all"],
)
def test_tokens_count_as_often_as_they_were_paid(account, times, held, tmp_path):
    """671 requests of 110,000 tokens and 335 of 110: each is tried four times and fails, or taken by reserved units."""
    plan = f"{{api: {{usd_per_million_input_tokens: 2, usd_per_million_output_tokens: 4, {account}}}}}"
    lone = MONTH[: MONTH.index("  tuning")] + MONTH[MONTH.index("  batch") : MONTH.index("  now")] + f"  now: {plan}\n"
    file = export(tmp_path, ROWS)
    (tmp_path / "month.yaml").write_text(lone)
    status, out, err = here(
        "backtest", "month.yaml", "--invoice", file.name, "--reps", 2, "--format", "json", cwd=tmp_path
    )
    assert status == 0, err
    lines = json.loads(out)["lines"]
    assert lines["api"]["simulated_quantity"]["value"] == times * (671 * 110_000 + 335 * 110)
    assert lines["api"]["simulated_usd"]["value"] == pytest.approx(times * (671 * 0.24 + 335 * 240e-6))
    nodes = lines["held"]["simulated_quantity"]["value"]  # hours of units are no node hours
    assert nodes == held.get("node hours")


@pytest.mark.parametrize("account", ["", ", limits: {requests_per_minute: 1000}"], ids=["prices", "an account"])
def test_a_warm_up_before_the_month_is_none_of_its_use(account, tmp_path):
    """A week comes first. As the 28 days begin all classes bring work: 672 and 336 requests, 56 jobs in the month."""
    plan = f"usd_per_million_tokens: 8, usd_per_million_input_tokens: 2, usd_per_million_output_tokens: 4{account}"
    told = [f"plans.now={{api: {{{plan}}}}}", "workload.tuning.tokens_millions=2", "horizon_days=35", "warm_up_days=7"]
    each = compared(tmp_path, ROWS, *(word for key in told for word in ("--set", key)))["lines"]["api"]
    assert each["simulated_quantity"]["value"] == 672 * 110_000 + 336 * 110 + 56 * 2_000_000
    assert each["simulated_usd"]["value"] == pytest.approx(672 * 0.24 + 336 * 240e-6 + 56 * 16)


def test_chance_gives_an_interval(tmp_path):
    found = compared(tmp_path, ROWS, "--set", "workload.tuning.arrivals={law: poisson, rate_per_day: 2}", "--reps", 40)
    each = found["lines"]["on_demand"]
    low, high = each["simulated_usd"]["low"], each["simulated_usd"]["high"]
    assert low < 56 * 60 < high  # 56 jobs a month on average, nearly all of them ended
    assert each["by_price_usd"] == pytest.approx(0, abs=1e-6)


def test_a_service_is_put_where_the_user_says(tmp_path):
    rows = [*ROWS, charge("5", ServiceCategory="Other", ServiceName="GPU Pool", ResourceId="a=b")]
    assert compared(tmp_path, rows, "--map", "gpu pool=held")["lines"]["held"]["invoice_usd"] == 13_445
    assert compared(tmp_path, rows, "--map", "a=b=spot")["lines"]["spot"]["invoice_usd"] == 5
    found = compared(tmp_path, rows, "--map", "Model API=not_simulated")
    assert found["not_simulated"]["mapped: Model API"] == {"usd": 161.04, "rows": 2}
    assert found["lines"]["api"]["rows"] == 0


def test_rows_without_hours_leave_the_difference_undivided(tmp_path):
    found = compared(tmp_path, [*ROWS, charge("1")])["lines"]["on_demand"]
    assert (found["rows_without_quantity"], found["by_use_usd"], found["invoice_quantity"]) == (1, None, None)
    assert found["difference_usd"] == pytest.approx(-1)


def test_corrections_alone_have_no_price_by_which_the_difference_divides(tmp_path):
    back = charge("200", ConsumedQuantity="-400", ConsumedUnit="Hours")
    found = compared(tmp_path, [*ROWS, back])["lines"]["on_demand"]
    assert found["invoice_quantity"] < 0 < found["invoice_usd"]
    assert (found["invoice_price"], found["by_price_usd"], found["by_use_usd"]) == (None, None, None)


def test_text_and_csv_tell_the_same(tmp_path):
    file = export(tmp_path, ROWS)
    (tmp_path / "focus.csv.gz").write_bytes(gzip.compress(file.read_bytes()))
    arguments = ("backtest", "month.yaml", "--invoice", "focus.csv.gz", "--reps", 2)
    status, out, _ = here(*arguments, cwd=tmp_path)
    assert status == 0
    lines = [line for line in out.splitlines() if line.startswith("on_demand")]
    cells = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines]
    assert cells == [
        ["on_demand", *["3,300.00"] * 2, "+0.00", "+0.00 %", "+0.00", "+0.00"],
        ["on_demand", "165", "165", "node hours"],
    ]
    assert "credits" in out
    assert "the lines above add up to the effective cost" in flat(out)
    _, out, _ = here(*arguments, "--format", "csv", cwd=tmp_path)
    rows = list(csv.DictReader(io.StringIO(out)))
    total = sum(float(row["invoice_usd"]) for row in rows if row["part"] == "compared" and row["line"] != "together")
    total += sum(float(row["invoice_usd"]) for row in rows if row["part"] == "not simulated")
    (told,) = [float(row["invoice_usd"]) for row in rows if (row["part"], row["line"]) == ("invoice", "effective")]
    assert round(total, 6) == round(told, 6) > 16_000


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("Hours", ("node hours", 1)),
        ("1 Hour", ("node hours", 1)),
        ("Minutes", ("node hours", Decimal(1) / 60)),
        ("GPU-Hours", ("GPU hours", 1)),
        ("1K tokens", ("tokens", 1000)),
        ("1,000 Tokens", ("tokens", 1000)),
        ("Million tokens", ("tokens", 10**6)),
        ("vCPU-Hours", ("", 0)),
        ("Requests", ("", 0)),
        ("", ("", 0)),
    ],
)
def test_units(text, unit):
    assert unit_of(text) == unit


def test_sums_are_exact_whatever_the_digits(tmp_path):
    rows = [charge("0.1", **hours(1)), charge("0.2", **hours(1)), charge("0.1234567890123456789", **hours(1))]
    found = read_invoice(export(tmp_path, rows))
    assert found.summed == found.totals["effective"] == Decimal("0.423456789012")


WRONG = {
    "EffectiveCost": ("NaN", "EffectiveCost must be a number from -1e12 to 1e12, got 'NaN'"),
    "BilledCost": ("1,5", "BilledCost must be a number from -1e12 to 1e12, got '1,5'"),
    "BillingCurrency": ("EUR", "BillingCurrency must be USD, got 'EUR'; convert the export first"),
    "ChargePeriodStart": ("soon", "ChargePeriodStart must be a date and time like 2026-10-01T00:00:00Z, got 'soon'"),
    "ChargePeriodEnd": ("2026-01-01", "ChargePeriodEnd must be after ChargePeriodStart, got '2026-01-01'"),
    "ChargeCategory": (
        "Usages",
        "ChargeCategory must be one of Usage, Purchase, Tax, Credit, Adjustment, got 'Usages'",
    ),
    "ConsumedQuantity": ("1e400", "ConsumedQuantity must be a number from -1e12 to 1e12, got '1e400'"),
}


def test_every_wrong_cell_is_refused_with_its_line(tmp_path):
    export(tmp_path, [charge("1") | {key: value} for key, (value, _) in WRONG.items()])
    told = refused("backtest", "month.yaml", "--invoice", "focus.csv", cwd=tmp_path, lines=len(WRONG))
    assert told.splitlines() == [f"focus.csv:{n}: {text}" for n, (_, text) in enumerate(WRONG.values(), 2)]


@pytest.mark.parametrize(
    ("rows", "arguments", "refusal"),
    [
        (ROWS, ("--plan", "then"), "--plan: must name the plan that was in force (now), got 'then'"),
        (ROWS, ("--set", "horizon_days=30"), "horizon_days: must leave 28 days after warm_up_days for 2026-02, got 30"),
        (ROWS, ("--month", "2026-13"), "--month: must be a month like 2026-10, got '2026-13'"),
        (
            ROWS,
            ("--month", "2025-02"),
            "focus.csv: has nothing in 2025-02 that is simulated (use in: 2026-01, ",
        ),
        (ROWS, ("--map", "Compute Cloud"), "--map: must be service=line, got 'Compute Cloud'"),
        (ROWS, ("--map", "Compute Cloud=gpu"), "--map: must be one of held, on_demand, spot, api, not_simulated, got"),
        (ROWS, ("--map", "Computers=held"), "--map: 'computers' is no service, SKU or resource of focus.csv"),
        (ROWS, ("--cost", "list"), "--cost: must be one of effective, billed, got 'list'"),
        ([], (), "focus.csv: holds no charge"),
        (
            [ROWS[0], ROWS[0] | {"BillingPeriodStart": "2026-03-01"}],
            (),
            "focus.csv: must be of one month, got 2026-02, 2026-03; choose with --month 2026-10",
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_compared_is_refused(rows, arguments, refusal, tmp_path):
    export(tmp_path, rows)
    assert refused("backtest", "month.yaml", "--invoice", "focus.csv", *arguments, cwd=tmp_path).startswith(refusal)


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("a,b\n1,2\n", "focus.csv:1: must have the columns of a FOCUS export, lacks BilledCost, EffectiveCost, "),
        ("a;b\n1;2\n", "focus.csv:1: must have cells parted by commas, got ';'; export it as CSV once more"),
        (",".join([*HEAD, "billedcost"]) + "\n", "focus.csv:1: must have each column once, has BilledCost more often"),
        (",".join(HEAD) + "\n1,2\n", "focus.csv:2: must have 20 cells, got 2"),
        ("", "focus.csv:1: must have the columns"),
    ],
)
def test_what_is_no_export_is_refused(text, refusal, tmp_path):
    export(tmp_path, ROWS)
    (tmp_path / "focus.csv").write_text(text)
    assert refused("backtest", "month.yaml", "--invoice", "focus.csv", cwd=tmp_path).startswith(refusal)
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_invoice(tmp_path / "none.csv")
