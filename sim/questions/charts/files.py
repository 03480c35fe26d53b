"""Charts on disk: PNG and SVG, the same bytes each time, whole or not at all."""

import io
from pathlib import Path
from typing import Any, Final

from matplotlib.figure import Figure

from sim.ground.files import replacing
from sim.questions.charts.style import theme

DPI: Final = 150
_FORMS: Final[dict[str, dict[str, Any]]] = {
    "png": {"dpi": DPI, "metadata": {"Software": None}},
    "svg": {"metadata": {"Date": None, "Creator": None}},
}


def save(figure: Figure, folder: str | Path, name: str) -> list[Path]:
    """Write a figure as PNG and as SVG with its text kept as text.

    Parameters
    ----------
    figure : Figure
        What to write.
    folder : str or Path
        Where; made if it is not there.
    name : str
        File name without its ending.

    Returns
    -------
    list of Path
        The files, PNG first.

    Notes
    -----
    The bytes depend on the figure alone: no date, no version, fixed ids. Each file appears whole or not at all.
    """
    place = Path(folder)
    files = [place / f"{name}.{form}" for form in _FORMS]
    for file, form in zip(files, _FORMS, strict=True):
        page = _bytes(figure, form)
        with replacing(file) as draft:
            draft.write_bytes(page)
    return files


def svg(figure: Figure) -> str:
    """Give a figure as SVG, its text kept as text: the bytes that ``save`` writes."""
    return _bytes(figure, "svg").decode()


def _bytes(figure: Figure, form: str) -> bytes:
    page = io.BytesIO()
    with theme():
        figure.savefig(page, format=form, facecolor="white", **_FORMS[form])
    return page.getvalue()
