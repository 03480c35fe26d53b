"""The pictures of what a browser shows: what is missing is named, the gallery keeps what it has. No browser here."""

import sys

import pytest
from scripts import script


@pytest.fixture
def screens():
    return script("screens")


def test_what_a_picture_needs_is_named_and_nothing_is_drawn(screens, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(screens, "found", lambda names: None)
    monkeypatch.setattr(screens.importlib.util, "find_spec", lambda name: None)
    assert screens.missing() == ["selenium", "chromium", "chromedriver"]
    monkeypatch.setattr(sys, "argv", ["screens.py", "--out", str(tmp_path / "out")])
    screens.main()
    assert capsys.readouterr().err == "no pictures of the pages: selenium, chromium, chromedriver not found\n"
    assert not (tmp_path / "out").exists()


class _Page:
    """A page whose answer is final at the third look."""

    def __init__(self, final_at):
        self.looks, self.final_at = 0, final_at

    def execute_script(self, _):
        self.looks += 1
        return self.looks >= self.final_at


def test_a_picture_waits_for_the_final_answer(screens):
    page = _Page(3)
    screens.until_final(page, 5)
    assert page.looks == 3
    with pytest.raises(TimeoutError, match="no final answer within 0 s"):
        screens.until_final(_Page(99), 0)


def test_the_gallery_keeps_its_picture_where_there_is_no_browser(tmp_path):
    gallery = script("gallery")
    kept, out = tmp_path / "kept", tmp_path / "out"
    kept.mkdir()
    out.mkdir()
    (kept / "live.png").write_bytes(b"old")
    (out / "report.png").write_bytes(b"new")
    gallery.keep("screens.py", out, kept)
    assert ((kept / "live.png").read_bytes(), (kept / "report.png").read_bytes()) == (b"old", b"new")
    with pytest.raises(FileNotFoundError):
        gallery.keep("bursts.py", out, kept)
