"""A price book of the user's own: what it adds, what it may not hide, and that a result holds what it used of it."""

import copy
import json
from datetime import date

import pytest
from refusals import here, refused
from studies import CHAT
from worlds import ARTICLE, scenario

import sim
from sim.ground.faults import InputError
from sim.ground.scenario import load, resolved_yaml
from sim.ground.scenario.book_file import MadeFrom, read_book, write_book

DATED = {"since": "2026-01-01", "seen": "2026-06-01", "basis": "list price", "source": "our contract of 2026"}
NODE = {"kind": "node", "instance": "mine/h100", "rate": "on_demand", "usd_per_node_h": 20, "gpus": 8} | DATED
TOKENS = {
    "kind": "inference",
    "name": "mine/chat",
    "usd_per_million_input_tokens": 2,
    "usd_per_million_output_tokens": 4,
} | DATED
TUNES = {"kind": "training", "name": "mine/tune", "usd_per_million_tokens": 5, "hours_per_million_tokens": 2} | DATED


def book_text(*entries):
    return "version: 1\nentries:\n" + "".join(f"- {json.dumps(entry)}\n" for entry in entries)


def with_book(tmp_path, text, *entries):
    (tmp_path / "book.yaml").write_text(book_text(*entries))
    (tmp_path / "world.yaml").write_text(text)
    return tmp_path / "world.yaml"


OWN = ARTICLE.replace("price_date: 2023-10-01", "price_date: 2026-06-01\nprice_book: book.yaml").replace(
    "instance: p4d.24xlarge, rate: on_demand", "instance: mine/h100, rate: on_demand"
)
OWN = OWN.replace("openai_2023_08", "mine/tune").replace("rate: reserved_1y", "rate: contract")
RATE = {"kind": "node", "instance": "p4d.24xlarge", "rate": "contract", "usd_per_node_h": 11} | DATED


def test_entries_are_found_by_their_names(tmp_path):
    found = load(with_book(tmp_path, OWN, NODE, TUNES, RATE))
    price = found.plans["on_demand"].hired["p4d"].price("p4d", found.price_date)
    assert (price.value, price.source, price.seen) == (20, "our contract of 2026", date(2026, 6, 1))
    assert found.plans["reserved"].held["p4d"].price("p4d", None).value == 11
    assert found.plans["api"].api.price(None).value == 5
    assert found.plans["api"].api.pace == 2


def test_a_result_can_be_had_again_from_its_folder(tmp_path):
    """The book is lost; what the scenario used of it lies in the run's own scenario, sources and all."""
    unused = NODE | {"instance": "mine/other"}
    file = with_book(tmp_path, OWN, NODE, TUNES, RATE, unused)
    status, first, _ = here("run", file, "--reps", 3, "--out", tmp_path / "out", "--format", "json")
    assert status == 0
    (tmp_path / "book.yaml").unlink()
    kept = (tmp_path / "out" / "scenario.yaml").read_text()
    assert kept.count("our contract of 2026") == 3
    assert "mine/other" not in kept
    status, again, _ = here("run", tmp_path / "out" / "scenario.yaml", "--reps", 3, "--format", "json")
    assert (status, again) == (0, first)


def test_a_sweep_over_entries_keeps_those_it_asks_for(tmp_path):
    text = CHAT.replace("horizon_days", "price_book: book.yaml\nhorizon_days", 1)
    other = TOKENS | {"name": "mine/other", "usd_per_million_output_tokens": 8}
    never = TOKENS | {"name": "mine/never"}
    found = load(with_book(tmp_path, text, TOKENS, other, never))
    key = "plans.api.api.inference_offer"
    grid = sim.sweep(found, {key: ["mine/chat", "mine/other"]}, replications=2)
    cheap, dear = (cell.bills["api"].sum() for cell in grid.cells)
    assert dear > cheap > 0
    kept = resolved_yaml(found, {key: ["mine/chat", "mine/other"]})
    assert [name in kept for name in ("mine/chat", "mine/other", "mine/never")] == [True, True, False]
    assert "price_book" not in resolved_yaml(scenario())


def test_the_newest_price_that_holds_is_taken(tmp_path):
    later = TUNES | {"usd_per_million_tokens": 9, "since": "2026-05-01"}
    found = load(with_book(tmp_path, OWN, NODE, TUNES, later, RATE))
    asked = [found.plans["api"].api.price(day).value for day in (date(2026, 4, 30), date(2026, 5, 1), None)]
    assert asked == [5, 9, 9]
    with pytest.raises(InputError, match="the API offer mine/tune began on 2026-01-01; in force on 2025-12-31: "):
        load(tmp_path / "world.yaml", {"price_date": "2025-12-31"})


@pytest.mark.parametrize(
    ("entry", "refusal"),
    [
        (RATE | {"rate": "spot"}, "entries.1 must not hide the price of `p4d.24xlarge` at 'spot' of the built-in book"),
        (RATE | {"gpus": 4}, "entries.1 must have the 8 x A100-40GB of `p4d.24xlarge` in the catalog"),
        (NODE, "entries.1 gives `mine/h100` at 'on_demand' from 2026-01-01 a price for the second time"),
        (
            NODE | {"rate": "spot", "gpus": 4},
            "entries.1 must have the 8 x None that an earlier entry gives `mine",
        ),
        ({**NODE, "instance": "new", "gpus": None}, "entries.1 must have `gpus`, because `new` is not in the catalog"),
        (TUNES | {"name": "openai_2023_08"}, "entries.1 must not hide `openai_2023_08` of the built-in book"),
        (TOKENS | {"seen": "2025-01-01"}, "entries.1 must have been seen on its first day (2026-01-01) or later"),
        (TOKENS | {"usd_per_million_input_tokens": -1}, "entries.1.usd_per_million_input_tokens must be 0 or a number"),
        (TOKENS | {"since": "soon"}, "entries.1.since must be a date like 2023-10-01, got 'soon'"),
        ({key: TOKENS[key] for key in TOKENS if key != "source"}, "entries.1.source is missing"),
        (TOKENS | {"usd": 1}, "entries.1.usd is not a key here"),
        ({**TOKENS, "kind": "chat"}, "entries.1 must have a known kind; choose from `node`, `inference`, `training`"),
    ],
)
def test_a_wrong_entry_is_refused_with_its_line(entry, refusal, tmp_path):
    world = with_book(tmp_path, OWN, NODE, entry)
    with pytest.raises(InputError) as error:
        load(world)
    assert [str(fault) for fault in error.value.faults if refusal in fault.text], str(error.value)
    assert error.value.faults[0].where == f"{tmp_path / 'book.yaml'}:4"


def test_all_faults_at_once_by_hand_and_by_machine(tmp_path):
    """The same book as YAML, by the slow way, and as an entry a line, by the fast one: the same refusals."""
    wrong = [NODE | {"usd_per_node_h": "a lot"}, TOKENS | {"since": 3}]
    spread = "".join("-\n" + "".join(f"  {k}: {json.dumps(v)}\n" for k, v in entry.items()) for entry in wrong)
    told = []
    for text in (book_text(*wrong), f"version: 1\nentries:\n{spread}"):
        (tmp_path / "book.yaml").write_text(text)
        with pytest.raises(InputError) as error:
            read_book(tmp_path / "book.yaml")
        told.append([fault.text for fault in error.value.faults])
    assert told[0] == told[1]
    assert len(told[0]) == 2


def test_a_number_that_is_none_is_refused_in_a_line_too(tmp_path):
    for value in ("NaN", "Infinity", "1e400", "-0.0", "1" + "0" * 5000):
        text = book_text(NODE).replace('"usd_per_node_h": 20', f'"usd_per_node_h": {value}')
        (tmp_path / "book.yaml").write_text(text)
        with pytest.raises(InputError, match=r"book.yaml:3: entries.0.usd_per_node_h must be 0 or a number"):
            read_book(tmp_path / "book.yaml")
    (tmp_path / "book.yaml").write_text(book_text(NODE).replace('"rate"', '"gpus": 8, "rate"'))
    with pytest.raises(InputError, match="gpus stands twice"):
        read_book(tmp_path / "book.yaml")


def test_a_book_that_is_not_there(tmp_path):
    (tmp_path / "world.yaml").write_text(OWN)
    told = refused("check", "world.yaml", cwd=tmp_path)
    assert told == "book.yaml: cannot be read: No such file or directory\n"


def test_what_is_written_is_read_again(tmp_path):
    found = scenario(settings={"price_book": [NODE, TOKENS, TUNES]}).price_book
    made = MadeFrom(form="litellm", file="x.json", sha256="0" * 64, date="2026-01-01")
    (tmp_path / "book.yaml").write_text(write_book(found, made))
    again = read_book(tmp_path / "book.yaml")[1]
    assert (again.entries, again.made_from) == (found, made)


def test_entries_may_stand_in_the_scenario_itself():
    settings = {"price_book": [copy.deepcopy(TUNES)], "price_date": None, "plans.api.api.offer": "mine/tune"}
    assert scenario(settings=settings).plans["api"].api.price(None).value == 5
    with pytest.raises(InputError, match=r"price_book.0.usd_per_million_tokens must be 0 or a number"):
        scenario(settings={"price_book": [TUNES | {"usd_per_million_tokens": -1}]})
    with pytest.raises(InputError, match=r"price_book.1 gives `mine/tune` from 2026-01-01 a price for the second time"):
        scenario(settings={"price_book": [TUNES, TUNES]})


def test_a_missing_price_names_the_alternatives():
    key = "plans.on_demand.hired.p4d"
    with pytest.raises(InputError) as error:
        scenario(settings={f"{key}.instance": "p5.48xlarge", f"{key}.rate": "reserved_1y"})
    told = "it has `capacity_block`, `on_demand`, `spot`; at 'reserved_1y' there is `neocloud.h100_80gb_x8`, "
    assert told in str(error.value)
    with pytest.raises(InputError) as error:
        scenario(settings={f"{key}.rate": "spot", "price_date": "2022-10-01"})
    told = "no spot price of p4d.24xlarge is known as early as 2022-10-01, the first is of 2023-01-31; "
    assert f"{told}it has `on_demand`, `reserved_1y` on 2022-10-01; no instance has 'spot' on 2022-10-01" in str(
        error.value
    )


def test_every_stale_price_is_named():
    settings = {"price_date": "2025-05-01", "plans.api.api": {"offer": "openai_4o_2024_08"}}
    found = sim.run(scenario(settings=settings), replications=2).result["warnings"]
    (told,) = [entry["text"] for entry in found if entry["code"] == "price_stale"]
    assert told.startswith("held p4d (p4d.24xlarge, reserved_1y) was last seen on 2023-10-31, hired p4d")
    assert told.endswith("more than 12 months before price_date 2025-05-01; look for a newer price")


def test_the_list_of_prices():
    status, out, _ = here("prices", "--on", "2026-11-22", "--format", "json")
    rows = json.loads(out)["prices"]
    assert status == 0
    assert {row["kind"] for row in rows} == {
        "node", "inference", "training", "batch", "throughput", "server", "site"
    }  # fmt: skip
    assert all(row["source"] and row["basis"] and row["unit"] and row["since"] <= row["seen"] for row in rows)
    (row,) = [row for row in rows if row["name"] == "p5.48xlarge" and row["since"] == "2023-07-26"]
    assert (row["price"], row["age_months"], row["stale"]) == (98.32, 17.7, True)


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["--kind", "batch"], ["openai", "anthropic", "together", "azure_openai"]),
        (["--find", "RTX PRO"], ["runpod.rtx_pro_6000_96gb_x1"]),
        (["--kind", "node", "--provider", "neocloud", "--max-age", "9"], ["neocloud.h100_80gb_x8"]),
        (["--kind", "node", "--provider", "neocloud", "--max-age", "7"], []),
    ],
)
def test_the_list_is_filtered(arguments, names):
    _, out, _ = here("prices", "--on", "2026-11-22", "--format", "json", *arguments)
    assert [row["name"] for row in json.loads(out)["prices"]] == names


def test_the_list_marks_what_is_stale_and_takes_a_book(tmp_path):
    (tmp_path / "book.yaml").write_text(book_text(NODE, TOKENS, TUNES))
    _, out, _ = here("prices", "--on", "2027-06-03", "--book", tmp_path / "book.yaml", "--find", "mine/")
    told = [line.split()[0] for line in out.splitlines() if line.startswith("mine/") and line.endswith("*")]
    assert told == ["mine/h100", "mine/chat", "mine/chat", "mine/tune"]
    assert out.count("12.1*") == 4
    _, out, _ = here(
        "prices", "--on", "2026-01-01", "--book", tmp_path / "book.yaml", "--find", "mine/", "--format", "csv"
    )
    assert len(out.splitlines()) == 5


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        (["--kind", "gpu"], "--kind: must be one of node, inference, training, "),
        (["--on", "today"], "--on: must be a date like 2026-11-22, got 'today'"),
        (["--max-age", "nan"], "--max-age: must be a number of months from 0 to 10,000, got 'nan'"),
        (["--provider", "awz"], "--provider: no price is of 'awz'; did you mean `aws`?"),
        (["--book", "none.yaml"], "none.yaml: cannot be read: No such file or directory"),
    ],
)
def test_what_the_list_refuses(arguments, refusal):
    assert refused("prices", *arguments).startswith(refusal)


@pytest.mark.parametrize(
    ("source", "basis", "said"),
    [
        ("measured: our meter", "measured", "our meter"),
        ("stated: our quote", "stated", "our quote"),
        ("our quote", "stated", "our quote"),
        ("quote: 7", "stated", "quote: 7"),
        (None, "stated", "the scenario, which gives no source"),
    ],
)
def test_a_source_says_on_what_its_number_rests(source, basis, said):
    held = {"p4d": {"gpus": 8, "nodes": 1, "usd_per_node_h": 10, "source": source}}
    price = scenario(settings={"plans.reserved.held": held}).plans["reserved"].held["p4d"].price("p4d", None)
    assert (price.basis, price.source) == (basis, said)
