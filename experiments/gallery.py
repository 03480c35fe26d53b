"""Make the pictures of the README again: runs the experiments that draw them, and keeps their pictures.

python experiments/gallery.py
"""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KEPT = {
    "sweep_arrival_rate.py": ("cost_percentiles", "cost_distribution", "idle_money"),
    "article.py": ("cost_by_assumption",),
    "cost_per_token.py": ("cost_per_token",),
    "chat_trace.py": ("request_cost", "first_token"),
}


def main() -> None:
    gallery = ROOT / "outputs" / "gallery"
    gallery.mkdir(parents=True, exist_ok=True)
    for script, pictures in KEPT.items():
        out = ROOT / "outputs" / script.removesuffix(".py")
        subprocess.run([sys.executable, ROOT / "experiments" / script, "--out", out], check=True)  # noqa: S603 - own scripts
        for name in pictures:
            shutil.copyfile(out / f"{name}.png", gallery / f"{name}.png")


if __name__ == "__main__":
    main()
