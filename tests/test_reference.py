"""The pages of the reference: every key is described, what is said of defaults is so, links lead somewhere."""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from sim.cli import app
from sim.faults import InputError
from sim.files import shipped
from sim.scenario import Tree, build, load
from sim.scenario.part import Part
from sim.scenario.schema import plain_schema, schema
from sim.tables.markdown import anchor, cell, prose, table
from sim.tables.reference import example, reference_markdown
from sim.tables.rules import ALTERNATIVES, CHAPTERS, EXAMPLES

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs" / "reference"
RENEW = "renew it: fleetecon {} --format markdown > docs/reference/{}.md"

PLAIN = plain_schema()
PARTS = {"Scenario": PLAIN, **PLAIN["$defs"]}
KEYS = [(part, key, said) for part, its in PARTS.items() for key, said in its["properties"].items()]

UNITS = {  # a key with these letters says this unit
    r"hours$|hour$": r"hour",
    r"minutes$|per_minute": r"minute",
    r"_days$": r"day",
    r"_s$": r"second",
    r"_ms$": r"millisecond",
    r"_us$": r"microsecond",
    r"months$": r"month",
    r"years$": r"year",
    r"usd": r"usd",
    r"percent": r"%",
    r"share": r"share",
    r"_kw$": r"kW",
    r"kwh$": r"kWh",
    r"millions$": r"million",
}


def names(entries):
    return [f"{part}.{key}" for part, key, *_ in entries]


@pytest.mark.parametrize(("part", "key", "said"), KEYS, ids=names(KEYS))
def test_every_key_says_what_it_is_with_its_unit(part, key, said):
    text = said["description"]
    assert text.endswith(".")
    assert 10 < len(text) <= 200
    assert "``" not in text
    for letters, unit in UNITS.items():
        if re.search(letters, key) and (part, key) not in {("Pattern", "starts_hour")}:
            assert re.search(unit, text, re.IGNORECASE), f"{key} does not say its unit: {text}"


STATED = [each for each in KEYS if isinstance(each[2].get("default"), int | float | str)]


@pytest.mark.parametrize(("part", "key", "said"), STATED, ids=names(STATED))
def test_what_is_said_of_a_default_is_the_default(part, key, said):
    told = said["description"].rpartition("left out: ")[2].rstrip(".").split(" ")[0].strip("`,;")
    default = said["default"]
    if isinstance(default, bool):
        assert told == str(default).lower()
    elif isinstance(default, str):
        assert told == default
    elif told in WORDS_OF_DEFAULTS:
        assert WORDS_OF_DEFAULTS[told] == default
    else:
        assert float(told) == default


WORDS_OF_DEFAULTS = {"none": 0}


def test_every_key_that_may_be_left_out_says_what_happens_then():
    silent = [
        f"{part}.{key}"
        for part, key, said in KEYS
        if key not in PARTS[part].get("required", [])
        and "left out" not in said["description"]
        and f"`{key}`" not in " ".join(ALTERNATIVES.get(part, ()))
    ]
    assert silent == []


def test_the_open_schema_carries_the_same_words():
    opened = schema()
    assert len(KEYS) > 450
    for part, key, said in KEYS:
        its = opened if part == "Scenario" else opened["$defs"][part]
        assert its["properties"][key]["description"] == said["description"]


def test_descriptions_cost_no_start():
    code = "import sys, sim.scenario; print('sim.scenario.described' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert told.stdout.strip() == "False"


def test_descriptions_outlive_what_python_strips():
    code = "from sim.scenario.schema import plain_schema; print(plain_schema()['properties']['seed']['description'])"
    told = subprocess.run([sys.executable, "-OO", "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert told.stdout.strip() == PLAIN["properties"]["seed"]["description"]


# The page


@pytest.fixture(scope="module")
def page():
    return reference_markdown()


def headings(text):
    outside = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    return re.findall(r"^#+ (.+)$", outside, flags=re.M)


def linked(text):
    """Give the links within a page that lead nowhere, and the anchors that stand twice."""
    anchors = [anchor(heading) for heading in headings(text)]
    lost = sorted({to for to in re.findall(r"\]\(#([^)]*)\)", text) if to not in anchors})
    return lost, sorted({each for each in anchors if anchors.count(each) > 1})


def test_the_page_of_the_scenario_is_the_output(page):
    assert (DOCS / "scenario.md").read_text(encoding="utf-8") == page, RENEW.format("schema", "scenario")


def test_the_command_prints_the_page(page):
    told = CliRunner().invoke(app, ["schema", "--format", "markdown"])
    assert (told.exit_code, told.stdout) == (0, page)
    refused = CliRunner().invoke(app, ["schema", "--format", "csv"])
    assert "must be one of json, markdown, got 'csv'" in str(refused.exception)


def test_every_link_leads_to_one_place(page):
    assert linked(page) == ([], [])
    assert page.count("](#") > 200


def test_a_lost_link_is_found():  # negative control
    assert linked("# A\n[b](#b) [a](#a)\n# A\n") == (["b"], ["a"])


def test_every_part_has_one_section_and_every_key_a_row(page):
    told = [part for chapter in CHAPTERS.values() for part in chapter]
    assert sorted(told) == sorted(PARTS)
    rows = [line for line in page.splitlines() if re.match(r"\| `\w+` \| ", line)]
    assert len(rows) == len(KEYS)
    assert all(line.count(" | ") == 3 for line in rows)


def test_every_choice_of_laws_has_a_name(page):
    places = [line for line in page.splitlines() if re.match(r"\| `\w+` \| ", line)]
    assert not [line for line in places if "[`poisson`]" in line or "[`lognormal`]" in line]


# What keys exclude and need


def exclusions():
    """Find, of every part, the keys that its validators hand to `exactly_one` by name."""
    found = {}
    modules = [m for n, m in sys.modules.items() if n.startswith("sim.scenario.")]
    for module in modules:
        for node in ast.parse(inspect.getsource(module)).body:
            if isinstance(node, ast.ClassDef):
                for call in ast.walk(node):
                    if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "exactly_one":
                        words = [each.value for each in call.args if isinstance(each, ast.Constant)]
                        found.setdefault(node.name, set()).update(words)
    return found


def test_the_page_names_every_key_that_excludes_another():
    found = exclusions()
    assert found["JobClass"] >= {"arrivals", "jobs", "trace"}
    for name, keys in found.items():
        part = next(each for each in _parts(Part) if each.__name__ == name)
        heirs = [each.__name__ for each in (part, *_parts(part)) if each.__name__ in PARTS]
        assert heirs, name
        for heir in heirs:
            told = " ".join(ALTERNATIVES.get(heir, ()))
            assert not [key for key in keys if f"`{key}`" not in told], heir


def _parts(part):
    """Give all classes below one."""
    return [each for direct in part.__subclasses__() for each in (direct, *_parts(direct))]


def test_rules_and_examples_are_of_parts_and_their_keys():
    assert set(ALTERNATIVES) | set(EXAMPLES) <= set(PARTS)
    words = {"true", "false"} | {key for _, key, _ in KEYS} | {"shared"}
    for part, rules in ALTERNATIVES.items():
        named = set(re.findall(r"`(\w+)`", " ".join(rules)))
        assert named <= words, part


TWO = {
    "staff": {"engineers": 1, "nodes_per_engineer": 2, "usd_per_year": 1},
    "held": {"n": {"gpus": 1, "instance": "p4d.24xlarge", "nodes": 1, "usd_per_node_h": 1}},
    "hired": {"n": {"gpus": 1, "usd_per_node_h": 1, "rate": "on_demand"}},
    "api": {"usd_per_job": 1, "usd_per_million_tokens": 1},
}


@pytest.mark.parametrize("key", TWO)
def test_two_of_which_only_one_may_stand_are_refused(key):
    values = {
        "name": "two",
        "horizon_days": 1,
        "workload": {"w": {"kind": "fine_tune", "jobs": [{"arrival_hours": 0, "service_hours": 1}]}},
        "plans": {"p": {"held": {"g": {"gpus": 1, "nodes": 1, "usd_per_node_h": 1}}}},
    }
    build(Tree(values))
    values["plans"]["p"] = values["plans"]["p"] | {key: TWO[key]}
    with pytest.raises(InputError, match="must have exactly one of"):
        build(Tree(values))


# Examples


@pytest.mark.parametrize("part", EXAMPLES)
def test_an_example_is_what_the_shipped_scenario_says(part):
    name, key = EXAMPLES[part]
    file = shipped("scenarios") / f"{name}.yaml"
    load(file)
    whole = YAML(typ="safe").load(file.read_text(encoding="utf-8"))
    for step in key.split("."):
        whole = whole[step]
    ((last, shown),) = YAML(typ="safe").load(example(part)).items()
    assert (last, shown) == (key.rpartition(".")[2], whole)


def test_cells_and_texts_of_others_break_no_table():
    assert cell("a | b\n  c") == "a \\| b c"
    assert prose("<b> *x* [y](z) `q`") == "\\<b\\> \\*x\\* \\[y\\](z) \\`q\\`"
    assert table(("a", "b"), [("1", "2|3")], right=[1]) == "| a | b |\n| --- | --: |\n| 1 | 2\\|3 |"
    assert anchor("On off arrivals: `x`, y_z") == "on-off-arrivals-x-y_z"
