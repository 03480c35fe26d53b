"""Scenario files that hold no plain YAML mapping."""

import json
import os
import re
import subprocess
import sys

import pytest
from refusals import ROOT, faults, refused

NO_SCENARIO = {
    "empty": (b"", r":1: must be a mapping of keys, got nothing"),
    "comment": (b"# nothing\n", r":1: must be a mapping of keys, got nothing"),
    "not_utf8": (b"name: a\nseed: \xff\xfe\n", r":2: is not UTF-8 text \(byte 14\); save it as UTF-8"),
    "nul": (b"name: a\nseed: 1\0\n", r":2: holds a NUL byte"),
    "unclosed": (b"name: a\nplans: {a: [1\n", r":\d+: is not valid YAML: "),
    "quote": (b"name: 'a\n", r":\d+: is not valid YAML: "),
    "tab": (b"name:\n\t- a\n", r":\d+: is not valid YAML: "),
    "list": (b"- a\n- b\n", r":1: must be a mapping of keys, got a list"),
    "word": (b"hello\n", r":1: must be a mapping of keys, got a str"),
    "two": (b"a: 1\n---\nb: 2\n", r":\d+: is not valid YAML: "),
    "deep_list": (b"a: " + b"[" * 100_000, r":1: is nested deeper than 40 levels"),
    "deep_map": (b"a: " + b"{a: " * 100_000, r":1: is nested deeper than 40 levels"),
    "deep_dashes": (b"- " * 100_000 + b"a", r":1: is nested deeper than 40 levels"),
    "deep_lines": (b"".join(b" " * k + b"a:\n" for k in range(2000)), r":\d+: is nested deeper than 40 levels"),
    "large": (b"a: " + b"x" * 4_000_001, r": is larger than 4,000,000 bytes"),
    "alias": (b"a: &x [1]\nb: *x\n", r":1: uses an alias or anchor; write the value out"),
    "merge": (b"a: {<<: {b: 1}}\n", r":1: a(\.<<)? is not a key here"),
    "tag": (b"a: !!python/object/apply:os.system ['touch owned']\n", r":1: uses a tag \(`!\.\.\.`\)"),
    "tag_local": (b"a: !x 1\n", r":1: uses a tag"),
    "twice": (b"name: a\nseed: 1\nname: b\n", r":3: name stands twice, here and on line 1"),
    "twice_inside": (b"plans:\n  a: {b: 1, b: 2}\n", r":2: plans\.a\.b stands twice, here and on line 2"),
    "strange_key": (b"[1, 2]: 3\n", r":1: has a key that is not a word"),
}


@pytest.mark.parametrize(("text", "refusal"), list(NO_SCENARIO.values()), ids=list(NO_SCENARIO))
def test_b01_b03_b18_s01_what_is_no_scenario(text, refusal, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert any(re.match("f.yaml" + refusal, line) for line in faults(text, tmp_path))
    assert os.listdir(tmp_path) == ["f.yaml"]  # nothing was executed


@pytest.mark.parametrize("case", ["empty", "not_utf8", "nul", "unclosed", "list", "deep_list"])
def test_b01_quickly_and_in_little_memory(case, tmp_path):
    text, refusal = NO_SCENARIO[case]
    (tmp_path / "f.yaml").write_bytes(text)
    # A process between, because a child counts the memory of its parent before it becomes another program.
    program = """
import json, resource, subprocess, sys
ran = subprocess.run([sys.executable, "-m", "sim", "run", "f.yaml"], capture_output=True, text=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([ran.returncode, ran.stdout, ran.stderr, used.ru_utime + used.ru_stime, used.ru_maxrss]))
"""
    own = os.environ | {"PYTHONPATH": str(ROOT)}
    told = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=own, capture_output=True, check=True, timeout=60
    ).stdout
    status, out, err, seconds, kilobytes = json.loads(told)
    assert (status, out, len(err.splitlines())) == (2, "", 1)
    assert re.match("f.yaml" + refusal, err)
    assert 0.1 < seconds < 5  # of the processor: what else runs on the machine is not judged here
    assert 1000 < kilobytes < 500_000


def test_b01_a_file_that_is_none(tmp_path):
    assert "cannot be read: No such file or directory" in refused("check", tmp_path / "nowhere.yaml")
    assert "cannot be read: Is a directory" in refused("run", tmp_path)


@pytest.mark.parametrize(
    "arguments",
    [
        ("check",),
        ("prices", "--book"),
        ("prices", "import", "--from=litellm", "--date=2026-01-01"),
        ("verify", "--cases"),
    ],
    ids=" ".join,
)
def test_b01_a_device_that_never_ends(arguments):
    little = 'ulimit -v 3000000; exec "$@"'  # so that it fails instead of taking all memory
    told = subprocess.run(
        ["/bin/sh", "-c", little, "sh", sys.executable, "-m", "sim", *arguments, "/dev/zero"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, told.stdout) == (2, "")
    assert re.fullmatch(r"/dev/zero: is larger than [0-9,]+ bytes, too large for .*\n", told.stderr)


def test_b01_a_manifest_nested_deep_is_one_that_is_damaged(article_file, tmp_path):
    (tmp_path / "manifest.json").write_text("[" * 100_000)
    assert "holds the results of another question" in refused("run", article_file, "--reps=2", "--out", tmp_path)
