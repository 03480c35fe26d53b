"""Pictures as files: the same bytes each time, whatever the settings of the user."""

import threading

import pytest
from drawings import ROWS
from PIL import Image

from sim.questions import charts
from sim.questions.charts import style


def test_saved_files_are_the_same_each_time(chart_grid, tmp_path):
    first = charts.save(charts.cost_percentiles(chart_grid), tmp_path / "a" / "new", "cost")
    with style.theme():
        again = charts.save(charts.cost_percentiles(chart_grid), tmp_path / "b", "cost")
    assert [file.name for file in first] == ["cost.png", "cost.svg"]
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in again]
    assert sorted(each.name for each in (tmp_path / "b").iterdir()) == ["cost.png", "cost.svg"]


def test_svg_keeps_text_and_no_formula(tmp_path):
    _, svg = charts.save(charts.cost_by_assumption(ROWS), tmp_path, "rows")
    drawn = svg.read_text(encoding="utf-8")
    assert ">slow, $_8_ GPUs$</text>" in drawn
    assert "<dc:date>" not in drawn
    assert "Matplotlib v" not in drawn


def test_png_has_no_version_and_is_crisp(tmp_path):
    png, _ = charts.save(charts.cost_by_assumption(ROWS), tmp_path, "rows")
    with Image.open(png) as image:
        assert image.size[0] == 1350
        assert "Software" not in image.info


def test_settings_of_the_user_neither_matter_nor_change(tmp_path):
    import matplotlib

    plain_files = charts.save(charts.cost_by_assumption(ROWS), tmp_path, "plain")
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.fonttype": "path"}):
        others = charts.save(charts.cost_by_assumption(ROWS), tmp_path, "other")
        assert matplotlib.rcParams["font.size"] == 30
    assert [file.read_bytes() for file in plain_files] == [file.read_bytes() for file in others]


def test_threads_draw_the_same(tmp_path):
    def draw(name):
        charts.save(charts.cost_by_assumption(ROWS), tmp_path, name)

    workers = [threading.Thread(target=draw, args=(name,)) for name in ("a", "b")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_a_failed_drawing_leaves_the_old_file(tmp_path):
    (tmp_path / "x.png").write_bytes(b"old")
    figure = charts.cost_by_assumption(ROWS)
    figure.savefig = lambda *_, **__: 1 / 0
    with pytest.raises(ZeroDivisionError):
        charts.save(figure, tmp_path, "x")
    assert [file.name for file in tmp_path.iterdir()] == ["x.png"]
    assert (tmp_path / "x.png").read_bytes() == b"old"
