"""Kernels kept on disk: nothing stale, nothing foreign, nothing fatal. A tiny kernel goes through the same door."""

import hashlib
import io
import os
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import pytest

from sim.doors.cli import kernels
from sim.ground import kernel_cache, units

ROOT = Path(__file__).parents[1]
TIMES = "from sim.ground.compiled import kernel\nFACTOR = 3\n\n@kernel\ndef times(value):\n    return value * FACTOR\n"
TWICE = """
import os, sys
from sim.ground.compiled import kernel
from sim.ground.compiling import Listener, listeners
import times as other

times = other.times
compiled = []
listeners.append(Listener(compiled.append))

@kernel
def twice(value):
    return 2 * times(value)

if __name__ == "__main__":
    exec(os.environ.get("FIRST", ""))
    print(twice(7), "twice.twice" in compiled or "__main__.twice" in compiled)
"""
COMPILED, LOADED = "42 True", "42 False"


class World:
    """A script with a kernel that calls one of another file, and the folder in which they are kept."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.cache = folder, folder / "cache"
        self.kernels = self.cache / "fleetecon" / "kernels"
        (folder / "times.py").write_text(TIMES)
        (folder / "twice.py").write_text(TWICE)

    def start(self, **variables: str | None) -> subprocess.Popen[str]:
        own = {"XDG_CACHE_HOME": str(self.cache), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"} | variables
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA_", "PYTEST_"))}
        environment = {name: value for name, value in (kept | own).items() if value is not None}
        command = [sys.executable, "twice.py"]
        return subprocess.Popen(
            command, cwd=self.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def run(self, **variables: str | None) -> str:
        return self.start(**variables).communicate(timeout=120)[0].strip()

    def files(self) -> list[Path]:
        return sorted(self.kernels.iterdir())

    def the_file(self) -> Path:
        (file,) = self.kernels.glob("twice-*")
        return file


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def test_a_kernel_is_compiled_once_and_nothing_is_stale(world):
    assert world.run() == COMPILED
    assert world.run() == LOADED
    assert [file.stat().st_mode & 0o077 for file in (world.kernels, world.kernels.parent)] == [0, 0]
    (world.folder / "times.py").write_text(TIMES.replace("FACTOR = 3", "FACTOR = 4"))  # a constant of another file
    assert world.run() == "56 True"
    (world.folder / "times.py").write_text(TIMES.replace("value * FACTOR", "value + FACTOR"))  # a function of it
    assert world.run() == "20 True"
    (world.folder / "times.py").write_text(TIMES)
    assert world.run() == LOADED  # what was kept of the first state is good again


def test_another_processor_or_mode_has_a_kernel_of_its_own(world):
    assert world.run() == COMPILED
    assert world.run(NUMBA_CPU_NAME="generic") == COMPILED
    assert world.run(NUMBA_BOUNDSCHECK="1") == COMPILED
    assert world.run(NUMBA_OPT="1") == COMPILED
    assert len(list(world.kernels.glob("twice-*"))) == 4


def test_damaged_files_are_replaced(world):
    world.run()
    file = world.the_file()
    whole = file.read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    for damaged in (b"", whole[:10], whole[:middle], whole[:-1], flipped, bytes(len(whole)), whole + b"x"):
        file.write_bytes(damaged)
        assert world.run() == COMPILED
        assert len(file.read_bytes()) > 1000
    assert world.run() == LOADED


def test_a_folder_in_the_place_of_a_file(world):
    world.run()
    file = world.the_file()
    file.unlink()
    file.mkdir()
    assert world.run() == COMPILED


@pytest.mark.parametrize("way", ["file", "file above", "loose", "link", "nowhere"])
def test_without_a_private_folder_kernels_are_compiled_each_time(world, way):
    own = world.kernels.parent
    variables: dict[str, str | None] = {}
    if way == "file":
        own.mkdir(parents=True)
        world.kernels.write_text("")
    elif way == "file above":
        world.cache.write_text("")
    elif way == "loose":
        world.kernels.mkdir(parents=True)
        world.kernels.chmod(0o777)
    elif way == "link":
        own.mkdir(parents=True)
        (world.folder / "elsewhere").mkdir()
        world.kernels.symlink_to(world.folder / "elsewhere")
    else:
        variables = {"XDG_CACHE_HOME": "not/absolute", "HOME": "/dev/null"}
    assert [world.run(**variables), world.run(**variables)] == [COMPILED, COMPILED]
    assert not list(world.folder.rglob("twice-*"))


def test_what_others_can_write_is_not_run(world):
    world.run()
    spoiled = world.folder / "spoiled"
    body = f"cbuiltins\neval\n(V__import__('pathlib').Path({str(spoiled)!r}).touch()\ntR.".encode()
    world.the_file().write_bytes(hashlib.sha256(body).digest() + body)
    world.kernels.chmod(0o770)
    assert world.run() == COMPILED
    assert not spoiled.exists()
    world.kernels.chmod(0o700)
    assert "42" not in world.run()  # negative control: what stands in a private folder is believed
    assert spoiled.exists()


def test_a_full_disk_and_a_kill_leave_nothing_that_harms(world):
    full = "import os, sim.ground.kernel_cache as c\ndef full(*a): raise OSError(28, 'full')\nos.replace = full"
    assert world.run(FIRST=full) == COMPILED
    assert world.files() == []
    killed = "import os, sim.ground.kernel_cache as c\nos.replace = lambda *a: os._exit(9)"
    assert world.run(FIRST=killed) == ""
    (left,) = world.files()
    assert left.suffix == ".part"
    assert world.run() == COMPILED
    assert world.run() == LOADED


def test_two_at_once(world):
    both = [world.start(), world.start()]
    found = {each.communicate(timeout=120)[0].strip() for each in both}
    assert COMPILED in found
    assert found <= {COMPILED, LOADED}  # on a busy machine the second may come when the first has compiled
    assert world.run() == LOADED
    assert not list(world.kernels.glob("*.part"))


def test_old_files_and_folders_go(tmp_path, monkeypatch):
    place = tmp_path / "kernels"
    former, foreign = tmp_path / "kernels-0123456789abcdef", tmp_path / "kernels-of-mine"
    for folder in (place, former, foreign):
        folder.mkdir()
    (former / "old.nbi").write_text("")
    for age in range(6):
        (place / f"kernel-{age}").write_text("")
        os.utime(place / f"kernel-{age}", (time.time() - 60 * age,) * 2)
    for name, age in (("left.part", 7200), ("now.part", 0)):
        (place / name).write_text("")
        os.utime(place / name, (time.time() - age,) * 2)
    monkeypatch.setattr(kernel_cache, "_KEPT_FILES", 4)
    kernel_cache._tidy.__wrapped__(place)
    assert sorted(file.name for file in place.iterdir()) == ["kernel-0", "kernel-1", "kernel-2", "now.part"]
    assert not former.exists()
    assert foreign.exists()


def test_a_kernel_may_not_read_a_name_through_a_module_of_ours():
    space = {"units": units}
    exec("def reads(value):\n    return value + units.NEVER\n", space)  # noqa: S102 - a kernel as somebody may write it
    with pytest.raises(TypeError, match=r"not through sim\.ground\.units"):
        kernel_cache._function(space["reads"], set())


def told(monkeypatch, folder):
    """Say what is told when short and long kernels are compiled."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(kernel_cache, "folder", lambda: folder)
    monkeypatch.setattr(kernels, "listeners", heard := [])
    kernels.announce()
    (listener,) = heard
    listener.begun("sim.engine.workload.draws._exponentials")
    assert stream.getvalue() == ""
    for name in sorted(kernels._LONG):
        listener.begun(name)
    return stream.getvalue()


def test_one_line_is_told(monkeypatch, tmp_path):
    assert told(monkeypatch, tmp_path) == "compiling kernels, once: about 8 s\n"
    line = told(monkeypatch, None)
    assert "each time" in line
    assert "XDG_CACHE_HOME" in line
    assert line.count("\n") == 1


def test_the_long_kernels_are_kernels():
    for name in kernels._LONG:
        module, _, function = name.rpartition(".")
        written = [file.py_func for file in vars(import_module(module)).values() if hasattr(file, "py_func")]
        assert function in {each.__name__ for each in written if each.__module__ == module}
