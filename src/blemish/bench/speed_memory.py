"""Peak memory of an inspection: of a fresh process that never imports torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from blemish.core.errors import BundleError

PROGRAM = """
import resource
import sys
from pathlib import Path
from blemish.bundle.bundle import Bundle
from blemish.core.records import Part, View
from blemish.inspect.results import ResultFolder
from blemish.inspect.run import Inspection, inspect_part

bundle, scan, out = map(Path, sys.argv[1:4])
inspection = Inspection.of_bundle(Bundle.open(bundle), overlays=out if "overlay" in sys.argv else None)
with ResultFolder(out, inspection.inspected) as results:
    result = inspect_part(Part(scan.stem, (View("", scan),)), inspection)
    results.add(result)
    assert not any("could not be inspected" in reason for reason in result.reasons), result.reasons
assert "torch" not in sys.modules, "torch was imported"
status = Path("/proc/self/status")
if status.is_file():  # getrusage's peak is at least that of the process that started this one.
    print(next(line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM")))
else:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak_rss_mb(bundle: Path, scan: Path, out: Path, *, overlay: bool = False) -> float:
    """10^6 bytes resident at most while a bundle inspects a scan from file to result.

    Raises:
        BundleError: the inspection failed; its last line says why.
    """
    command = [sys.executable, "-c", PROGRAM, str(bundle), str(scan), str(out), *(["overlay"] if overlay else [])]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise BundleError(f"peak memory was not measured: {ended.stderr.strip().splitlines()[-1:]}")
    return round(int(ended.stdout.split()[-1]) * 1024 / 1e6, 1)
