"""The documentation is true: its commands run and print what its pages show; links, keys and flags exist."""

import ast
import os
import re
from functools import cache
from pathlib import Path

import pytest
import typer
from refusals import ROOT
from ruamel.yaml import YAML
from scripts import script

from sim.doors.cli import app
from sim.ground.faults import InputError
from sim.ground.scenario.schema import schema

docs = script("docs")
PAGES = docs.pages()
HAND_WRITTEN = [page for page in PAGES if "reference" not in page.parts]
LINKED = [*PAGES, ROOT / "DESIGN.md"]
KINDS = {"", "console", "diff", "python", "text", "yaml", "json", "csv", "math"}
TOP_FOLDERS = "|".join(sorted(re.escape(folder.name) for folder in Path("/").iterdir() if folder.is_dir()))
ELSEWHERE = rf"https?://(?!127\.0\.0\.1)[^\s`)]+|(?<![\w.~/-])/(?:{TOP_FOLDERS})/"


def name(page):
    return str(page.relative_to(ROOT))


def command():
    return typer.main.get_command(app)


def verbs(group=None, before=()):
    """Every verb with its options, those of groups (`fit workload`) too."""
    for verb, found in (group or command()).commands.items():
        yield (*before, verb), {flag for each in found.params for flag in each.opts if flag.startswith("--")}
        if hasattr(found, "commands"):
            yield from verbs(found, (*before, verb))


def without_blocks(page):
    """The prose of a page: fenced blocks, and lines indented like code, are left out."""
    lines = page.read_text().splitlines()
    inside = {number for block in docs.blocks(lines) for number in range(block.start - 1, block.stop + 1)}
    return "\n".join(line for number, line in enumerate(lines) if number not in inside and not line.startswith("    "))


def spans(page):
    """What a page sets in backticks."""
    return re.findall(r"`([^`\n]+)`", without_blocks(page))


# Every command runs


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_of_a_page_prints_what_the_page_shows(page):
    assert docs.differences(page) == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_command_stands_where_it_is_not_run(page):
    lines = page.read_text().splitlines()
    found = list(docs.blocks(lines))
    assert {block.kind for block in found} <= KINDS
    assert not [line for line in lines if re.match(r"\s+```", line)]  # a fence that is not seen as one
    elsewhere = [line for block in found if block.kind != "console" for line in lines[block.start : block.stop]]
    elsewhere += [line for line in lines if page.parent != ROOT and line.startswith("    ")]
    assert not [line for line in elsewhere if re.match(r"\s*(\$ |\./run |fleetecon [a-z])", line)]
    for block in found:
        assert set(block.marks) <= {"file", "edit", "status", "run by", "takes", "output"}
        assert not {"status", "run by", "takes"} & set(block.marks) or block.kind in {"console", "python"}
        assert "takes" not in block.marks or "run by" in block.marks


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_what_is_not_run_here_is_run_by_a_test_that_exists_and_is_well_formed(page):
    lines = page.read_text().splitlines()
    for block in docs.blocks(lines):
        if block.is_run() or block.kind != "console":
            continue
        file, _, test = block.marks["run by"].partition("::")
        names = {each.name for each in ast.parse((ROOT / file).read_text()).body if isinstance(each, ast.FunctionDef)}
        assert test in names
        for each in docs.commands(block, lines):
            well_formed(each.words)


def well_formed(words):
    """Ask the command line whether it knows these options; nothing is run."""
    assert words[0] == "./run"
    if words[1] in {"test", "lint"}:
        return
    if words[1] == "python":
        assert (ROOT / words[2]).exists()
        assert all(f'"{flag}"' in (ROOT / words[2]).read_text() for flag in words[3:] if flag.startswith("--"))
        return
    found, rest = command(), words[1:]
    while hasattr(found, "commands"):
        found, rest = found.commands[rest[0]], rest[1:]
    found.make_context("fleetecon", rest)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_yaml_is_yaml(page):
    lines = page.read_text().splitlines()
    for block in docs.blocks(lines):
        if block.kind == "yaml":
            assert YAML(typ="safe").load("\n".join(lines[block.start : block.stop]))


# What is named exists


def test_every_verb_has_a_page_and_every_page_a_verb():
    assert {page.stem for page in (ROOT / "docs" / "how_to").glob("*.md")} == {verb[0] for verb, _ in verbs()}


@pytest.mark.parametrize("page", LINKED, ids=name)
def test_every_link_and_picture_resolves(page):
    links = re.findall(r"\]\(([^)\s]+)\)", without_blocks(page))
    for link in links:
        if re.match(r"https?://|mailto:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        assert not anchor or anchor in anchors(target), link


@cache
def anchors(page):
    """The anchors of a page, as the usual renderers make them of its headings."""
    heads = re.findall(r"^#+ (.*)$", without_blocks(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


def test_every_page_is_in_the_index():
    index = (ROOT / "docs" / "README.md").read_text()
    for page in (ROOT / "docs").rglob("*.md"):
        path = page.relative_to(ROOT / "docs").as_posix()
        assert path == "README.md" or f"]({path})" in index, path


@cache
def flags():
    """Every flag of the command line and of the experiments."""
    known = {flag for _, options in verbs() for flag in options} | {"--help", "--extra"}
    return known.union(
        *(re.findall(r'"(--[a-z0-9-]+)"', file.read_text()) for file in (ROOT / "experiments").glob("*.py"))
    )


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_flag_exists(page):
    verb = page.stem if page.parent.name == "how_to" else None
    own = {flag for words, options in verbs() if words[0] == verb for flag in options}
    for span in spans(page):
        for flag in re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", span):
            assert flag in (own | {"--help"} if verb and span.startswith(flag) else flags()), span


@cache
def described():
    """The schema of a scenario, made once."""
    return schema()


@cache
def keys():
    """Every key of a scenario, without what it stands in."""
    return {key for each in [described(), *described()["$defs"].values()] for key in each.get("properties", {})}


def shapes(part):
    """The objects that a part of the schema may be."""
    if "$ref" in part:
        yield from shapes(described()["$defs"][part["$ref"].rsplit("/", 1)[1]])
    for each in (*part.get("anyOf", ()), *part.get("oneOf", ()), *part.get("allOf", ())):
        yield from shapes(each)
    if isinstance(part.get("items"), dict):
        yield from shapes(part["items"])
    yield part


def within(part, word):
    """What stands under a word in an object of the schema: a key of its own, or a free name."""
    free = [each for pattern, each in part.get("patternProperties", {}).items() if re.search(pattern, word)]
    more = part.get("additionalProperties")
    return [part["properties"][word]] if word in part.get("properties", {}) else free or [more] * isinstance(more, dict)


def is_key(path):
    """Tell whether a dotted path can stand in a scenario; names of classes, plans and groups are free."""
    parts = [described()]
    for word in path.split("."):
        parts = [each for part in parts for shape in shapes(part) for each in within(shape, word)]
    return bool(parts)


@pytest.mark.parametrize("page", HAND_WRITTEN, ids=name)
def test_every_key_exists(page):
    tops = "|".join(described()["properties"])
    for span in spans(page):
        for path in re.findall(rf"^(?:{tops})(?:\.[\w]+)+(?==|$)", span):
            is_result = path.split(".")[0] in {"plans", "decision"} and not is_key(path)
            assert is_key(path) or (is_result and is_result_key(path)), span
        if key := re.fullmatch(r"([a-z_0-9]+): .*", span):
            assert key[1] in keys(), span


def is_result_key(path):
    """Tell whether a path of three words or more may be of the JSON result: `plans.reserved.bill_usd.total`."""
    words = path.split(".")
    return len(words) > 2 and words[2] in {"bill_usd", "bill_percentiles_usd", "gpu_hours", "utilization", "classes"}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_page_names_a_host_or_a_local_path(page):
    assert re.findall(ELSEWHERE, page.read_text()) == []


def test_the_judge_of_hosts_and_paths_knows_both_when_it_sees_them():
    host, path = "https" + "://packages.example/simple", f"{Path('/').resolve()}{TOP_FOLDERS.split('|')[0]}/x"
    assert re.findall(ELSEWHERE, f"from {host} into `{path}`") == [host, path[:-1]]
    assert re.findall(ELSEWHERE, "open http" + "://127.0.0.1:8765; runs/a, ./bin/run") == []


# The judge itself


@pytest.fixture
def page(tmp_path, monkeypatch):
    """A page of its own, to be judged."""
    monkeypatch.setattr(docs, "ROOT", tmp_path)
    (tmp_path / "experiments").mkdir()

    def write(*lines):
        file = tmp_path / "page.md"
        file.write_text("\n".join(lines) + "\n")
        return file

    return write


def test_a_page_that_shows_something_else_is_told_and_mended(page):
    file = page("<!-- file: a.txt -->", "```text", "one 1", "two", "three", "```", "", "```console", "$ cat a.txt")
    file.write_text(file.read_text() + "one 9\n...\nthree\n\n$ ls a.txt\nb.txt\n```\n")
    first, second = docs.differences(file)
    assert first.startswith("page.md:9: the output is now\n- one 9\n")
    assert "\n+ one 1\n" in first
    assert second.startswith("page.md:14: the output is now\n- b.txt\n")
    assert docs.refresh(file) == 2
    assert file.read_text().endswith("$ cat a.txt\none 1\n...\nthree\n\n$ ls a.txt\na.txt\n```\n")
    assert docs.differences(file) == []


def test_another_exit_status_than_the_page_says_is_refused(page):
    refusal = [
        "```console",
        "$ ./run check nowhere.yaml",
        "nowhere.yaml: cannot be read: No such file or directory",
        "```",
    ]
    with pytest.raises(InputError, match=r"page\.md:2: ends with status 2, not 0: nowhere\.yaml: cannot be read"):
        docs.differences(page(*refusal))
    assert docs.differences(page("<!-- status: 2 -->", *refusal)) == []


def test_an_edit_changes_what_stands_in_the_file_once(page):
    file = ["<!-- file: a.yaml -->", "```yaml", "a: 1", "b: 2", "```", "", "<!-- edit: a.yaml -->", "```diff"]
    shown = ["```", "", "```console", "$ cat a.yaml", "a: 3", "c: 4", "b: 2", "```"]
    assert docs.differences(page(*file, "-a: 1", "+a: 3", "+c: 4", *shown)) == []
    with pytest.raises(InputError, match="must hold once what is to change, got 0 times 'a: 9"):
        docs.differences(page(*file, "-a: 9", "+a: 3", *shown))


def test_python_is_run_in_one_namespace(page):
    told = ["```python", "a = 2", "```", "", "```python", "print(a + 1)", "```", "", "<!-- output -->", "```text"]
    assert docs.differences(page(*told, "3", "```")) == []
    assert len(docs.differences(page(*told, "4", "```"))) == 1


def test_only_a_mark_leaves_a_command_out(page):
    block = ["```console", "$ rm -r everything", "```"]
    with pytest.raises(InputError, match=r"rm: must be \./run or one of cat, head, ls"):
        docs.differences(page(*block))
    assert docs.differences(page("<!-- run by: tests/test_docs.py::test_yaml_is_yaml -->", *block)) == []


def test_an_output_before_any_command_is_refused(page):
    with pytest.raises(InputError, match="line 2: must be a command"):
        docs.differences(page("```console", "hello", "```"))


@pytest.mark.parametrize(
    ("shown", "found", "holds"),
    [
        (["a", "...", "c"], ["a", "c"], True),
        (["a", "...", "c"], ["a", "b", "b", "c"], True),
        (["..."], [], True),
        (["a", "..."], ["b", "a"], False),
        (["a"], ["a", "b"], False),
        ([], ["a"], False),
        (["a.c"], ["abc"], False),
    ],
)
def test_what_dots_stand_for(shown, found, holds):
    assert docs.agree(shown, found) is holds


def test_what_is_left_out_stays_left_out():
    found = ["head 12", "", "row a 1", "row b 2", "row c 3", "", "end 7"]
    assert docs.renewed(["head 11", "", "row a 9", "...", "end 8"], found) == ["head 12", "", "row a 1", "...", "end 7"]
    assert docs.renewed(["head 11", "..."], found) == ["head 12", "..."]
    assert docs.renewed(["...", "end 8"], found) == ["...", "end 7"]
    assert docs.renewed(["head 11"], found) == found


def test_keys_are_told_from_what_is_none():
    assert is_key("workload.tuning.arrivals.rate_per_day")
    assert is_key("plans.any_name.held.p4d.usd_per_node_h")
    assert is_key("decision.prices.api.percent_a_year")
    assert not is_key("workload.tuning.arrivals.rate_per_dy")
    assert not is_key("plans.any_name.hold")


def test_the_folder_of_a_page_is_gone_after_it(page):
    here = os.getcwd()
    file = page("```console", "$ ls", "experiments", "```")
    assert docs.differences(file) == []
    assert os.getcwd() == here
    assert sorted(os.listdir(file.parent)) == ["experiments", "page.md"]
