"""How large the inspector is on the line's PC: a fresh environment, `pip install .`, one inspection, and no torch.

python benchmarks/installed_size.py     # writes benchmarks/results/installed-size.json; needs a package index
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

import numpy as np

from blemish.bench.provenance import write_result
from blemish.picture.write import write_png

OUT = Path("benchmarks/results/installed-size.json")
ROOT = Path(__file__).resolve().parents[1]
BUNDLE = ROOT / "tests" / "fixtures" / "tiny-bundle"
LARGEST = 8


def main() -> None:
    out = _options().out
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        venv.create(folder / "env", with_pip=True)
        python = folder / "env" / "bin" / "python"
        own = sum(sizes(packages(python)).values())
        subprocess.run([python, "-m", "pip", "install", "--quiet", str(ROOT)], check=True)
        found = sizes(packages(python))
        figures = {
            "installed_mb": round((sum(found.values()) - own) / 1e6, 1),  # Without pip and what a fresh one holds.
            "largest_mb": {
                name: round(found[name] / 1e6, 1) for name in sorted(found, key=found.__getitem__)[: -LARGEST - 1 : -1]
            },
            "packages": sorted(json_of(python, "-m", "pip", "list", "--format", "json"), key=lambda each: each["name"]),
            "holds": {name: importable(python, name) for name in ("torch", "pyarrow", "openvino")},
            "inspected": inspected(folder, python),
        }
    write_result(out, figures, seeds=[0])
    print(json.dumps(figures, indent=1))
    print(f"written: {out}", file=sys.stderr)


def inspected(folder: Path, python: Path) -> dict[str, Any]:
    """Verdicts of a clean and a dark-barred picture by the tiny bundle, as the new environment gives them."""
    picture = np.random.default_rng(0).integers(110, 141, (90, 90), dtype=np.uint8)
    write_png(folder / "scans" / "good.png", picture)
    picture[20:26, 20:80] = 0
    write_png(folder / "scans" / "bad.png", picture)
    command = [str(python.with_name("blemish")), "inspect", str(BUNDLE), str(folder / "scans"), "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode != 1:
        raise SystemExit(f"one part is NG, so 1 was expected, got {ended.returncode}: {ended.stderr}")
    return {part["serial"]: part["verdict"] for part in json.loads(ended.stdout)["parts"]}


def packages(python: Path) -> Path:
    """Where an environment keeps its packages."""
    answer = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    )
    return Path(answer.stdout.strip())


def sizes(folder: Path) -> dict[str, int]:
    """Bytes of the files below each entry of a folder."""
    return {
        entry.name: sum(file.stat().st_size for file in [entry, *entry.rglob("*")] if file.is_file())
        for entry in folder.iterdir()
    }


def importable(python: Path, name: str) -> bool:
    return subprocess.run([python, "-c", f"import {name}"], capture_output=True, check=False).returncode == 0


def json_of(python: Path, *words: str) -> Any:
    return json.loads(subprocess.run([python, *words], capture_output=True, text=True, check=True).stdout)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=OUT, metavar="FILE")
    return parser.parse_args()


if __name__ == "__main__":
    main()
