"""Run every command of the documentation; compare its output with what the page shows, or write it there anew.

    ./run python experiments/docs.py                          # all pages: outputs are made again in place
    ./run python experiments/docs.py --check docs/tutorial.md   # only tell what differs; exit 1 where anything does
    ./run python experiments/docs.py --all                    # also what a page says to take minutes

A page is one session in one fresh folder, top to bottom. In it:

    ```console          lines that begin with `$ ` are commands, the lines after them what they print; a line `...`
                        stands for anything left out. Progress (standard error) is not shown, a refusal is.
    ```python           is run, in one namespace a page
    ```text             right after ```python, with `<!-- output -->` before it: what that prints

and before a fence, one a line:

    <!-- file: mine.yaml -->              the block is a file of this name, in the page's folder
    <!-- edit: mine.yaml -->              the block, ```diff, changes that file: lines with `-` become those with `+`
    <!-- status: 2 -->                    the exit status of the block's commands, 0 unless said
    <!-- run by: tests/test_x.py::test_y -->   not run here: that test runs it, or its like
    <!-- takes: 8 minutes -->             with `run by`: why; `--all` runs it none the less
"""

import argparse
import contextlib
import difflib
import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from sim.doors.cli.app import guarded, main
from sim.ground.faults import InputError

ROOT = Path(__file__).resolve().parent.parent
LEFT_OUT = "..."
TOOLS = ("cat", "head", "ls")  # what a page may call beside `./run`
_FENCE = re.compile(r"```(\w*)\s*")
_MARK = re.compile(r"<!-- ([a-z ]+?)(?:: (.*?))? -->")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page; lines ``start`` to ``stop`` of the page lie within its fences."""

    kind: str
    start: int
    stop: int
    marks: dict[str, str] = field(default_factory=dict)

    def is_run(self, everything: bool = False) -> bool:
        """Tell whether its commands are run here."""
        return "run by" not in self.marks or (everything and "takes" in self.marks)


@dataclass(frozen=True)
class Command:
    """A command of a page, and where the page shows its output."""

    words: list[str]
    start: int
    stop: int


@dataclass(frozen=True)
class Shown:
    """What a page shows of an output, and what the output is now."""

    at: str
    start: int
    stop: int
    shown: list[str]
    found: list[str]

    def holds(self) -> bool:
        """Tell whether the page shows the output as it is."""
        return agree(self.shown, self.found)


def pages() -> list[Path]:
    """List the pages whose commands run."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(lines: list[str]) -> Iterator[Block]:
    """Find the fenced blocks of a page with the marks right before them."""
    number = 0
    while number < len(lines):
        fence = _FENCE.fullmatch(lines[number])
        if not fence:
            number += 1
            continue
        stop = number + 1
        while stop < len(lines) and lines[stop].rstrip() != "```":
            stop += 1
        above = number
        while above > 0 and _MARK.fullmatch(lines[above - 1]):
            above -= 1
        marks = {mark[1]: mark[2] or "" for line in lines[above:number] if (mark := _MARK.fullmatch(line))}
        yield Block(fence[1], number + 1, stop, marks)
        number = stop + 1


def commands(block: Block, lines: list[str]) -> Iterator[Command]:
    """Find the commands of a console block; one may go on after a ``\\`` at the end of its line."""
    number = block.start
    while number < block.stop:
        text = lines[number].removeprefix("$ ")
        if text == lines[number]:
            raise InputError.one(f"line {number + 1}", f"must be a command, begun with `$ `, got {text!r}")
        while text.endswith("\\"):
            number += 1
            text = text[:-1] + lines[number]
        start = number = number + 1
        while number < block.stop and not lines[number].startswith("$ "):
            number += 1
        yield Command(shlex.split(text, comments=True), start, number)


def session(page: Path, everything: bool = False) -> Iterator[Shown]:
    """Run a page in a fresh folder; gives what it shows beside what was found."""
    lines = page.read_text(encoding="utf-8").splitlines()
    names: dict[str, object] = {}
    printed: list[str] = []
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path("experiments").symlink_to(ROOT / "experiments")
        for block in blocks(lines):
            inside = lines[block.start : block.stop]
            at = f"{page.relative_to(ROOT)}:{block.start + 1}"
            if "file" in block.marks:
                Path(block.marks["file"]).write_text("\n".join(inside) + "\n", encoding="utf-8")
            elif "edit" in block.marks:
                edit(Path(block.marks["edit"]), inside)
            elif block.kind == "console" and block.is_run(everything):
                yield from _console(page, block, lines)
            elif block.kind == "python" and block.is_run(everything):
                printed = _python("\n".join(inside), at, names)
            elif "output" in block.marks:
                yield Shown(at, block.start, block.stop, inside, printed)


def edit(file: Path, changes: list[str]) -> None:
    """Change a file as a diff says: lines with ``-`` must stand in it once, and give way to those with ``+``."""
    text = file.read_text(encoding="utf-8")
    for change in re.findall(r"(?:^-.*\n)+(?:^\+.*\n)*", "".join(f"{line}\n" for line in changes), flags=re.MULTILINE):
        old, new = ("".join(f"{each[1:]}\n" for each in change.splitlines() if each[0] == sign) for sign in "-+")
        if text.count(old) != 1:
            raise InputError.one(str(file), f"must hold once what is to change, got {text.count(old)} times {old!r}")
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")


def _console(page: Path, block: Block, lines: list[str]) -> Iterator[Shown]:
    """Run the commands of a block."""
    for command in commands(block, lines):
        at = f"{page.relative_to(ROOT)}:{command.start}"
        status, out, err = execute(command.words)
        expected = int(block.marks.get("status", "0"))
        if status != expected:
            raise InputError.one(at, f"ends with status {status}, not {expected}: {out[-500:]}{err[-1500:]}")
        found = stripped((out + err * (status != 0)).splitlines())
        yield Shown(at, command.start, command.stop, stripped(lines[command.start : command.stop]), found)


def _python(text: str, at: str, names: dict[str, object]) -> list[str]:
    """Run a block of Python; gives what it prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(text, at, "exec"), names)  # noqa: S102 - the project's own pages
    return stripped(out.getvalue().splitlines())


def execute(words: list[str]) -> tuple[int, str, str]:
    """Run a command: fleetecon in this process, for two seconds of imports are many times two seconds."""
    if words[:2] == ["./run", "python"]:
        return _process([sys.executable, *words[2:]])
    if words[0] == "./run":
        return _fleetecon(words[1:])
    if words[0] in TOOLS:
        return _process(words)
    raise InputError.one(words[0], f"must be ./run or one of {', '.join(TOOLS)}")


def _process(words: list[str]) -> tuple[int, str, str]:
    """Run a command in a process of its own."""
    surroundings = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "80"}
    ended = subprocess.run(words, env=surroundings, capture_output=True, text=True, check=False)  # noqa: S603 - own pages
    return ended.returncode, ended.stdout, ended.stderr


def _fleetecon(words: list[str]) -> tuple[int, str, str]:
    """Run the command line here; standard output and standard error are no terminal, as in a pipe."""
    out, err = io.StringIO(), io.StringIO()
    status = 0
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.object(sys, "argv", ["fleetecon", *words]),
        mock.patch.dict(os.environ, {"COLUMNS": "80", "FLEETECON_CALLED": "./run"}),
    ):
        try:
            main()
        except SystemExit as ended:
            status = int(ended.code or 0)
    return status, out.getvalue(), err.getvalue()


def stripped(lines: list[str]) -> list[str]:
    """Leave out the spaces at the ends of lines, and the empty lines at both ends."""
    return "\n".join(line.rstrip() for line in lines).strip("\n").splitlines()


def agree(shown: list[str], found: list[str]) -> bool:
    """Tell whether the lines found are those shown; ``...`` stands for any number of lines."""
    pattern = "".join("(?:.*\n)*?" if line.strip() == LEFT_OUT else re.escape(f"{line}\n") for line in shown)
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in found)) is not None


def renewed(shown: list[str], found: list[str]) -> list[str]:
    """Show the output as it is now, with what the page leaves out left out again.

    The lines beside a ``...`` say where it begins and ends: they are looked for among those found, by likeness
    without their digits.
    """
    if agree(shown, found):
        return shown
    kept: list[str] = []
    place = 0
    for number, line in enumerate(shown):
        if line.strip() != LEFT_OUT:
            continue
        if number and shown[number - 1].strip():
            stop = _alike(shown[number - 1], found, place) + 1
            kept += found[place:stop]
            place = stop
        elif number:
            kept.append("")
        kept.append(LEFT_OUT)
        place = _alike(shown[number + 1], found, place) if number + 1 < len(shown) else len(found)
    return kept + found[place:]


def _alike(line: str, found: list[str], first: int) -> int:
    """Find the line most like this one, from a place on."""
    plain = [re.sub(r"[\d.,]+", "0", each) for each in (line, *found[first:])]
    ratios = [difflib.SequenceMatcher(None, plain[0], each).ratio() for each in plain[1:]]
    return first + ratios.index(max(ratios)) if ratios else len(found) - 1


def refresh(page: Path, everything: bool = False) -> int:
    """Write the outputs of a page anew; gives how many were other."""
    lines = page.read_text(encoding="utf-8").splitlines()
    other = [each for each in session(page, everything) if not each.holds()]
    for each in reversed(other):
        gap = [""] if each.stop < len(lines) and lines[each.stop].startswith("$ ") else []
        lines[each.start : each.stop] = renewed(each.shown, each.found) + gap
    if other:
        page.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(other)


def differences(page: Path, everything: bool = False) -> list[str]:
    """Tell what a page shows otherwise than it is."""
    return [
        "\n".join([f"{each.at}: the output is now", *difflib.ndiff(each.shown, each.found)])
        for each in session(page, everything)
        if not each.holds()
    ]


def run() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="*", type=Path, help="all of docs/ and README.md unless named")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a page shows something else")
    parser.add_argument("--all", action="store_true", help="run what takes minutes, too")
    told = parser.parse_args()
    wrong = 0
    for page in [each.resolve() for each in told.pages] or pages():
        if told.check:
            found = differences(page, told.all)
            print("\n".join([*found, f"{page.relative_to(ROOT)}: {len(found)} outputs differ"]), flush=True)
            wrong += len(found)
        else:
            print(f"{page.relative_to(ROOT)}: {refresh(page, told.all)} outputs written anew", flush=True)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    guarded(run)
