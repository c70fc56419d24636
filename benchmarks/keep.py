"""Run a command of Blemish, and keep the JSON that it wrote as a result, with where it comes from.

    python benchmarks/keep.py calibration-magnetic-tile work/calibration/calibration.json -- \
        blemish segment calibrate work/tile --runs work/folds --out work/calibration --recall 0.95

The file must be the command's own: one that is there before is refused.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from pathlib import Path

from blemish.bench.provenance import write_result


def main() -> None:
    options = _options()
    if options.file.exists():
        sys.exit(f"{options.file} is there already: it would not be known who made it; delete it first")
    done = subprocess.run(options.command, check=False)
    if done.returncode:
        sys.exit(f"exit code {done.returncode} of: {shlex.join(options.command)}")
    figures = json.loads(options.file.read_text(encoding="utf-8"))
    out = Path(f"benchmarks/results/{options.name}.json")
    write_result(out, figures, seeds=options.seed)
    print(f"written: {out}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="of the result, without .json")
    parser.add_argument("file", type=Path, metavar="FILE", help="JSON that the command will have written")
    parser.add_argument("command", nargs="+", metavar="COMMAND", help="after --")
    parser.add_argument("--seed", type=int, action="append", default=[], metavar="N", help="that the figures stand on")
    return parser.parse_args()


if __name__ == "__main__":
    main()
