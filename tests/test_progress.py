"""How far long work is, told on stderr."""

import io
from contextlib import redirect_stderr
from unittest import mock

from sim.doors.cli.output import Progress


def told(*calls: tuple[float, int]) -> list[str]:
    """The lines of work that begins at 0 s and has so many of 200 pieces done at each second."""
    err = io.StringIO()
    with redirect_stderr(err), mock.patch("time.monotonic", side_effect=[0.0, *(second for second, _ in calls)]):
        progress = Progress("futures")
        for _, done in calls:
            progress(done, 200)
    return err.getvalue().splitlines()


def test_the_first_piece_says_nothing_of_the_rest_for_it_compiles():
    assert told((47, 1)) == ["futures: 1 of 200, 47 s"]


def test_the_time_left_is_that_of_the_pieces_after_the_first():
    assert told((47, 1), (48, 3), (67, 41)) == ["futures: 1 of 200, 47 s", "futures: 41 of 200, 67 s, about 80 s left"]


def test_the_end_has_nothing_left():
    assert told((1, 1), (30, 200)) == ["futures: 200 of 200, 30 s"]
