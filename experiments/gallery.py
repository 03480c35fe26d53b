"""Make the pictures of docs/gallery.md again: run the experiments that draw them, and keep their pictures.

python experiments/gallery.py                            # all, in some minutes
python experiments/gallery.py article.py night_fill.py   # those of some experiments
"""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KEPT = {
    "sweep_arrival_rate.py": ("cost_percentiles", "cost_distribution", "idle_money"),
    "article.py": ("cost_by_assumption",),
    "cost_per_token.py": ("cost_per_token", "scale_to_zero"),
    "chat_trace.py": ("request_cost", "first_token"),
    "elastic_frontier.py": ("elastic_frontier",),
    "provider_scale.py": ("provider_scale",),
    "spot_checkpoints.py": ("spot_checkpoints",),
    "night_fill.py": ("night_fill",),
    "bursts.py": ("bursts",),
    "three_year_commitment.py": ("fan", "regret", "tornado"),
    "what_flips_the_article.py": ("what_flips_the_article",),
    "size_for_slo.py": ("size_for_slo",),
    "screens.py": ("live", "report"),
}
BROWSED = "screens.py"
"""Its pictures are made where there is a browser; elsewhere it says what is missing, and the kept ones stay."""


def keep(script: str, out: Path, gallery: Path) -> None:
    """Copy the pictures of an experiment."""
    for name in KEPT[script]:
        if script != BROWSED or (out / f"{name}.png").exists():
            shutil.copyfile(out / f"{name}.png", gallery / f"{name}.png")


def main() -> None:
    gallery = ROOT / "outputs" / "gallery"
    gallery.mkdir(parents=True, exist_ok=True)
    wanted = sys.argv[1:] or list(KEPT)
    if unknown := [script for script in wanted if script not in KEPT]:
        sys.exit(f"must be among {', '.join(KEPT)}, got {', '.join(unknown)}")
    for script in wanted:
        out = ROOT / "outputs" / script.removesuffix(".py")
        subprocess.run([sys.executable, ROOT / "experiments" / script, "--out", out], check=True)  # noqa: S603 - own scripts
        keep(script, out, gallery)


if __name__ == "__main__":
    main()
