"""Input that means harm: nothing is executed, read as code, or written elsewhere (S01 to S04)."""

import copy
import json
import os
import re

import pytest
from full import EVERY_NUMBER
from refusals import ROOT, cli, faults, here, refused
from studies import RATE
from worlds import ARTICLE

from sim.ground.faults import InputError
from sim.ground.files import made_by
from sim.ground.scenario import Tree, build
from sim.ground.store import Store


def test_s01_nothing_is_executed(tmp_path):
    for text in (
        "name: !!python/object/apply:os.system ['touch owned']\n",
        "name: !!python/name:os.system x\n",
        "!!python/object/new:os.system [touch owned]\n",
        "%TAG ! tag:yaml.org,2002:python/\n---\nname: !object/apply:os.system ['touch owned']\n",
    ):
        (tmp_path / "f.yaml").write_text(text)
        assert "uses a tag (`!...`); write a plain value" in refused("run", "f.yaml", cwd=tmp_path)
    ran = cli("run", "f.yaml", cwd=tmp_path)
    assert (ran.returncode, ran.stdout, len(ran.stderr.splitlines())) == (2, "", 1)
    assert os.listdir(tmp_path) == ["f.yaml"]
    assert "uses a tag" in refused("check", "f.yaml", "--set", "seed=!!python/name:os.system x", cwd=tmp_path)


def test_s02_no_pickle_is_read_or_written(article_file):
    out = article_file.parent / "out"
    out.mkdir()
    bomb = b"cposix\nsystem\n(S'touch owned'\ntR."
    for name in ("result.pkl", "cache.pickle", "result.npy", "result.json", "manifest.json"):
        (out / name).write_bytes(bomb)
    article_file.write_text(ARTICLE.replace("365", "20"))
    assert "holds the results of another question" in refused("run", article_file, "--reps=2", "--out", out)
    (out / "manifest.json").unlink()
    assert here("run", article_file, "--reps=2", "--out", out, cwd=out)[0] == 0
    assert not (out / "owned").exists()
    assert json.loads((out / "result.json").read_text())["replications"] == 2
    unsafe = re.compile(r"\b(?:import (?:c?pickle|marshal|shelve|joblib)|allow_pickle=True|yaml\.unsafe)")
    users = [
        file.relative_to(ROOT).as_posix() for file in (ROOT / "sim").rglob("*.py") if unsafe.search(file.read_text())
    ]
    # machine code in a folder that only its owner can write, and what travels between a study and its workers
    assert sorted(users) == ["sim/ground/cluster/farm.py", "sim/ground/kernel_cache.py"]


def test_s02_no_pickle_is_read_from_a_store(article_file):
    article_file.write_text(ARTICLE.replace("365", "20"))
    out = article_file.parent / "out"
    asked = ("run", article_file, "--reps=2", "--out", out)
    first = here(*asked, cwd=article_file.parent)
    with Store(out, print) as store:
        [key] = store._places
        store.drop(key)
        store.put(key, "a block", made_by(), b"cposix\nsystem\n(S'touch owned'\ntR.")
    status, printed, told = here(*asked, cwd=article_file.parent)
    assert (status, printed) == first[:2]
    assert "a result is damaged; it is computed again" in told
    assert not (article_file.parent / "owned").exists()


@pytest.mark.parametrize(
    ("key", "value", "refusal"),
    [
        (RATE, '__import__("os").system("touch owned")', "must be 0 or a number"),
        ("workload.tuning.arrivals", {"law": "os.system", "rate_per_day": 1}, "must have a known law"),
        ("workload.tuning.tokens_millions", {"law": "numpy.random.normal", "mean": 1}, "must have a known law"),
        ("workload.tuning._target_", "os.system", "workload.tuning._target_ is not a key here"),
        ("plans.api.api.offer", "${env:HOME}", "must have an offer of the price book"),
    ],
)
def test_s03_no_expression_is_evaluated(key, value, refusal, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert any(refusal in line for line in faults(ARTICLE, tmp_path, {key: value}))
    assert os.listdir(tmp_path) == ["f.yaml"]


BAD_NAMES = [
    "../../x",
    "/etc/x",
    "a/b",
    "CON",
    "a\0b",
    "a\nb",
    "x" * 300,
    "\u202egnp",
    "",
    ".",
    "..",
    "a b",
    "Ä",
    "-x",
    "a.b",
]


@pytest.mark.parametrize("name", BAD_NAMES, ids=ascii)
def test_s04_names(name):
    for parts in (
        {"name": name},
        {"workload": {name: EVERY_NUMBER["workload"]["a"]}},
        {"plans": {name: {"api": {"usd_per_job": 1}}}},
    ):
        with pytest.raises(InputError) as error:
            build(Tree(copy.deepcopy(EVERY_NUMBER | parts)))
        told = str(error.value)
        rule = "be at most 60 characters long" if len(name) > 60 else "be a slug of a-z, 0-9 and _, at most 60 long"
        assert f"must {rule}" in told
        assert not re.search(r"[\x00-\x09\x0b-\x1f\u202a-\u202e]", told)
        assert len(told.splitlines()) == len(error.value.faults)
        assert len(told) < 300


def test_s04_names_of_the_command_line(tmp_path):
    for name in ("../x", "/etc/x", "a/b", "CON", "a\nb", "x" * 300):
        assert "NAME: must be a slug of a-z, 0-9 and _, at most 60 long, got " in refused("init", name, cwd=tmp_path)
    assert os.listdir(tmp_path) == []


def test_s04_nothing_is_written_outside_out(tmp_path):
    work, out, victim = tmp_path / "work", tmp_path / "out", tmp_path / "victim"
    work.mkdir()
    out.mkdir()
    victim.write_text("mine")
    for name in ("result.json", "scenario.yaml", "result.csv"):
        (out / name).symlink_to(victim)
    (out / "manifest.json").symlink_to(tmp_path / "nowhere")
    (work / "article.yaml").write_text(ARTICLE.replace("365", "20"))
    before = sorted(path for path in tmp_path.rglob("*") if out not in path.parents)
    assert here("run", "article.yaml", "--reps=2", "--out", out, cwd=work)[0] == 0
    assert sorted(path for path in tmp_path.rglob("*") if out not in path.parents) == before
    assert victim.read_text() == "mine"
    assert not (out / "result.json").is_symlink()
    assert not (out / "manifest.json").is_symlink()
