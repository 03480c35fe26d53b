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

from sim.doors.cli import app
from sim.ground.faults import InputError
from sim.ground.files import shipped
from sim.ground.scenario import Tree, build, load
from sim.ground.scenario.part import Part
from sim.ground.scenario.schema import plain_schema, schema
from sim.questions.tables.markdown import anchor, cell, prose, table
from sim.questions.tables.reference import example, reference_markdown
from sim.questions.tables.rules import ALTERNATIVES, CHAPTERS, EXAMPLES
from sim.questions.tables.verification import validate_markdown, verify_markdown
from sim.questions.verify.cases import read_cases
from sim.questions.verify.cases import shipped as cases_shipped

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
    code = "import sys, sim.ground.scenario; print('sim.ground.scenario.described' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert told.stdout.strip() == "False"


def test_descriptions_outlive_what_python_strips():
    code = "from sim.ground.scenario.schema import plain_schema as of; print(of()['properties']['seed']['description'])"
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
    modules = [m for n, m in sys.modules.items() if n.startswith("sim.ground.scenario.")]
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


# The pages of verify and validate: a little one of each, by hand, and the links of the shipped ones


def row(key, estimate, reference, kind="mean", **more):
    told = {"se": 0.01, "z": 1.5, "relative_se": 0.005, "pass": True, "within": 0.05, "most_relative_se": 0.02}
    return {"id": "A|b", "key": key, "estimate": estimate, "reference": reference, "kind": kind} | told | more


UNSURE = {"z": None, "se": None, "within": None, "relative_se": None}
VERIFIED = {
    "cases": [
        row("plans.p.wait", 2.015, 2.0),
        row("plans.p.none", 0.25, 0.0, relative_se=None),
        row(
            "plans.p.cheapest", "api", "own", "exact", z=None, se=None, within=None, relative_se=None, **{"pass": False}
        ),
        row("plans.p.nodes", 4, 4, "exact", z=None, se=None, within=4e-9, relative_se=None),
    ],
    "theory": [{"id": "A|b", "source": "Erlang <1917>", "formula": "a*b*c", "replications": 1200}],
    "invariants": [{"name": "x", "what": "Nothing is lost.", "checked": 12345, "pass": True}],
    "controls": [{"name": "y", "what": "Wrong is refused.", "pass": False}],
    "reference": [
        {"worlds_of": "nodes", "worlds": 3, "rows": 1000, "differing": 0},
        {"worlds_of": "replicas", "worlds": 2, "rows": 500, "differing": 1},
    ],
    "reference_rows": 1500,
    "rows_differing": 1,
    "not_covered": [{"id": "later", "reason": "needs more"}],
    "passed": 4,
    "failed": 2,
    "quick": True,
}


def test_the_page_of_a_verification_tells_errors_beside_claims():
    page = verify_markdown(VERIFIED)
    lines = page.splitlines()
    assert "| `plans.p.wait` | 2 | 2.015 | +0.75 % | 2.5 % | 0.5 % | 2 % | pass |" in lines
    assert "| `plans.p.none` | 0 | 0.25 | +0.25 | 0.05 |  | 2 % | pass |" in lines
    assert "| `plans.p.cheapest` | `own` | `api` | another |  |  | exact | **FAIL** |" in lines
    assert "| `plans.p.nodes` | 4 | 4 | 0 % | 1e-07 % |  | exact | pass |" in lines
    assert "| all | 5 | 1,500 | 1 |" in lines
    assert "| means | 1 | 0.75 % | 0.75 % |" in lines
    assert "| Wrong is refused. | **NOT REFUSED** |" in lines
    assert "| Nothing is lost. | 12,345 | pass |" in lines
    assert "Source: Erlang \\<1917\\>  " in lines
    assert "**4 of 6 checks pass. 1,500 rows" in page
    assert "This is the short form (`--quick`)" in page
    assert "fleetecon verify --quick --format markdown" in lines[0]
    assert linked(page) == ([], [])
    assert "This is the full form." in verify_markdown(VERIFIED | {"quick": False})


def measured(at, error, sample, **more):
    told = {"case": "GPU X", "quantity": "TTFT p50, s", "at": at, "measured": 2.0, "simulated": 2.0 * (1 + error)}
    return told | {"error": error, "sample": sample, "bound": None, "pass": None} | more


VALIDATED = {
    "data": "/somewhere/else",
    "rows": [
        measured("1 request/s", -0.05, "in-sample"),
        measured("5 requests/s", 0.125, "held-out", bound=0.25, **{"pass": True}),
        measured("9 requests/s", 0.5, "held-out", bound=0.25, **{"pass": False}),
    ],
    "sources": {"GPU X": "Some lab, 2026-06-10; MIT licence"},
    "not_found": ["perf/other.csv"],
    "passed": 1,
    "failed": 1,
}


def test_the_page_of_a_validation_tells_errors_and_sources_and_no_path():
    page = validate_markdown(VALIDATED)
    lines = page.splitlines()
    assert "| TTFT p50, s | 5 requests/s | 2.00 | 2.25 | +12 % | 25 % | held-out | pass |" in lines
    assert "| TTFT p50, s | 9 requests/s | 2.00 | 3.00 | +50 % | 25 % | held-out | **FAIL** |" in lines
    assert "| TTFT p50, s | 1 request/s | 2.00 | 1.90 | -5 % |  | in-sample |  |" in lines
    assert "| [GPU X](#gpu-x) | 1 | 5 % | 5 % | 2 | 31 % | 50 % |" in lines
    assert "Measured by: Some lab, 2026-06-10; MIT licence." in lines
    assert "**1 of 2 bounds on held-out figures hold.**" in page
    assert "- `perf/other.csv`" in lines
    assert "somewhere" not in page
    assert linked(page) == ([], [])


def test_a_validation_without_data_says_so():
    page = validate_markdown(VALIDATED | {"rows": [], "data": None, "sources": {}, "passed": 0, "failed": 0})
    assert "No measured data were found, so nothing was compared." in page


@pytest.mark.parametrize("name", ["verification", "validation"])
def test_the_shipped_pages_are_whole(name):
    page = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    verb = {"verification": "verify", "validation": "validate"}[name]
    assert linked(page) == ([], []), RENEW.format(verb, name)
    assert "FAIL" not in page
    assert "NOT REFUSED" not in page
    assert not re.search(r"/(work|home|tmp|root)/", page)


def test_the_page_of_the_verification_is_of_the_cases_that_are_shipped():
    page, cases = (DOCS / "verification.md").read_text(encoding="utf-8"), read_cases(cases_shipped()).cases
    its = page.partition("## Theory cases\n")[2]
    assert re.findall(r"^### (.+)$", its, flags=re.M) == [prose(case.id) for case in cases], RENEW.format(
        "verify", "verification"
    )
    expected = [f"| `{each.key}` | " for case in cases for each in case.expect]
    told = [line for line in its.splitlines() if line.startswith("| `")]
    assert [line[: len(start)] for line, start in zip(told, expected, strict=True)] == expected


def test_verify_and_validate_print_their_pages(tmp_path, monkeypatch):
    monkeypatch.setattr("sim.questions.verify.verify", lambda *_, **__: VERIFIED)
    monkeypatch.setattr("sim.questions.fit.validate", lambda *_: VALIDATED)
    for verb, page in (("verify", verify_markdown(VERIFIED)), ("validate", validate_markdown(VALIDATED))):
        told = CliRunner().invoke(app, [verb, "--format", "markdown"])
        assert (told.exit_code, told.stdout) == (1, page)  # for something failed
