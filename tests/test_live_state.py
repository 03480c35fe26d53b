"""A position as an address and back; what strangers write is refused in one line; downloads run again as they are."""

import csv
import io
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sim
from sim.doors.live.answer import look
from sim.doors.live.downloads import position, result_csv, scenario_yaml
from sim.doors.live.state import MOST_LETTERS, State, number, written
from sim.ground.files import shipped
from sim.ground.scenario.levers import moved
from sim.study import as_json

SMALL = sim.load(shipped("scenarios") / "article.yaml", {"horizon_days": 20})
LOOK = look(SMALL)
NAMES = [lever.name for lever in LOOK.levers]


def values_of(draw: st.DrawFn) -> dict[str, float]:
    """Any position: some levers, each anywhere in its range."""
    chosen = draw(st.lists(st.sampled_from(LOOK.levers), unique_by=lambda lever: lever.name))
    found = {}
    for lever in chosen:
        whole = st.integers(int(lever.low), int(lever.high)).map(float)
        found[lever.name] = draw(whole if lever.whole else st.floats(lever.low, lever.high))
    return found


@settings(max_examples=100, deadline=None)
@given(values=st.composite(values_of)(), curve=st.sampled_from([None, *NAMES]))
def test_a_position_comes_back_from_its_address(values: dict[str, float], curve: str | None) -> None:
    state = State("article", dict(values), curve).checked(LOOK)
    again = State.read(state.query).checked(LOOK)
    assert again == state
    differing = {name: value for name, value in values.items() if value != LOOK.lever(name).value}
    assert again.values == differing
    assert again.curve == (None if curve == NAMES[0] else curve)


def test_only_what_differs_stands_in_the_address() -> None:
    at = State("article", {"tuning_rate": 8.0, "p4d_reserved_price": 19.22, "reserved_nodes": 2.0}, None).checked(LOOK)
    assert at.query == "scenario=article&tuning_rate=8&reserved_nodes=2"
    assert State("article", {}, None).checked(LOOK).query == "scenario=article"
    assert State.read("") == State("")
    assert State.read("scenario=article&tuning_rate=8&curve=staff_pay").checked(LOOK).query == (
        "scenario=article&tuning_rate=8&curve=staff_pay"
    )


def test_numbers_are_written_as_people_do() -> None:
    assert [written(each) for each in (8.0, 0.5, 19.22, 200_000.0, 1e22)] == ["8", "0.5", "19.22", "200000", "1e+22"]


@settings(max_examples=200, deadline=None)
@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_is_read_back(value: float) -> None:
    assert number("x", written(value)) == value


def test_zero_has_no_sign() -> None:
    assert math.copysign(1, number("staff_pay", "-0")) == 1
    assert LOOK.differing({"staff_pay": number("staff_pay", "-0.0")}) == {"staff_pay": 0}


@pytest.mark.parametrize(
    "text",
    [
        *("nan", "inf", "-inf", "Infinity", "1e999", "-1e999", "1e9999", "", " ", "1 ", "0x10", "1_000", "1,5", "true"),
        *("٣", "1e", ".", "e5", "--1", "1" * 41, "1\n", "1;2", "__import__('os')"),
    ],
)
def test_what_is_no_plain_number_is_refused(text: str) -> None:
    with pytest.raises(sim.InputError, match="must be a number, got") as refused:
        number("tuning_rate", text)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 150


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("tuning_rate=8&tuning_rate=9", "'tuning_rate': stands twice in the address; give it once"),
        ("scenario=a&scenario=b", "'scenario': stands twice in the address; give it once"),
        ("tuning_rate", "address: must be name=value, joined by &, at most 200 of them, in UTF-8"),
        ("&".join(f"a{k}=1" for k in range(201)), "address: must be name=value"),
        ("tuning_rate=%ff", "address: must be name=value"),
        ("x" * (MOST_LETTERS + 1), "address: must be at most 8,000 letters long, got 8,001"),
        ("%0Atuning=%0A", "'\\ntuning': must be a number, got '\\n'"),
        ("tuning_rate=NaN", "'tuning_rate': must be a number, got 'NaN'"),
        (f"a={'9' * 500}", "'a': must be a number, got '" + "9" * 60 + "...'"),
    ],
)
def test_hostile_addresses_are_refused_in_one_line(query: str, message: str) -> None:
    with pytest.raises(sim.InputError) as refused:
        State.read(query)
    assert str(refused.value).startswith(message)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("tuning_rat=8", "'tuning_rat': is no lever of `article`; did you mean `tuning_rate`?"),
        ("tuning_rate=1e300", "tuning_rate: must be a number from 0.5 to 72, got 1e+300"),
        ("tuning_rate=-8", "tuning_rate: must be a number from 0.5 to 72, got -8.0"),
        ("reserved_nodes=1.5", "reserved_nodes: must be a whole number from 1 to 4, got 1.5"),
        ("curve=%3Cscript%3E", "curve: '<script>' is no lever of `article`; "),
        ("%3Cb%3E=1", "'<b>': is no lever of `article`; choose from"),
    ],
)
def test_values_that_no_lever_has_are_refused(query: str, message: str) -> None:
    with pytest.raises(sim.InputError) as refused:
        State.read(query).checked(LOOK)
    assert str(refused.value).startswith(message)


@settings(max_examples=200, deadline=None)
@given(query=st.text(max_size=60))
def test_any_text_is_read_or_refused(query: str) -> None:
    try:
        state = State.read(query)
    except sim.InputError as refused:
        state, said = None, str(refused)
    if state is None:
        assert "\n" not in said
    else:
        assert State.read(state.query) == state


def test_the_scenario_of_a_position_runs_again_as_it_is(tmp_path: Path) -> None:
    values = {"tuning_rate": 8.0, "p4d_reserved_price": 15.0, "openai_2023_08_price": 4.0, "tuning_burstiness": 2.0}
    file = tmp_path / "mine.yaml"
    file.write_text(scenario_yaml(LOOK, values, tmp_path), encoding="utf-8")
    mine, there = sim.run(sim.load(file), 3), sim.run(moved(SMALL, values), 3)
    assert as_json(mine.result)["plans"] == as_json(there.result)["plans"]
    assert mine.seed == 2023
    assert sim.load(file).model_dump_json() == position(LOOK, values).model_dump_json()


def test_a_scenario_without_a_seed_takes_that_of_its_answers(tmp_path: Path) -> None:
    bare = look(SMALL.model_copy(update={"seed": None}))
    file = tmp_path / "bare.yaml"
    file.write_text(scenario_yaml(bare, {}, tmp_path), encoding="utf-8")
    assert sim.load(file).seed == bare.seed == 0


def test_files_are_named_from_where_the_scenario_will_run(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "log.csv").write_text("at,told\n1,1000000\n5,2000000\n9,1000000\n")
    text = (shipped("scenarios") / "article.yaml").read_text(encoding="utf-8")
    work = "    trace: {file: log.csv, columns: {arrival: at, tokens: told}, arrival_unit: hours}"
    lines = [work if "arrivals:" in line else line for line in text.splitlines() if "tokens_millions:" not in line]
    source = tmp_path / "home" / "traced.yaml"
    source.write_text("\n".join(lines), encoding="utf-8")
    looked = look(sim.load(source, {"horizon_days": 1}))
    written_ = tmp_path / "away.yaml"
    written_.write_text(scenario_yaml(looked, {}, tmp_path), encoding="utf-8")
    assert (
        as_json(sim.run(sim.load(written_), 2).result)["plans"]
        == as_json(sim.run(looked.scenario, 2, looked.seed).result)["plans"]
    )


def test_the_table_of_a_position_is_that_of_a_run() -> None:
    values = {"tuning_rate": 8.0}
    rows = list(csv.DictReader(io.StringIO(result_csv(LOOK, values, 3))))
    result = sim.run(moved(SMALL, values), 3).result
    bills = {row["plan"]: float(row["value"]) for row in rows if row["measure"] == "bill_usd.total"}
    assert bills == {name: as_json(plan["bill_usd"]["total"])["value"] for name, plan in result["plans"].items()}
