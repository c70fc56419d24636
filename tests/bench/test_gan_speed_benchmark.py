from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_speed_of_the_generators_is_measured_by_one_command(tmp_path):
    out = tmp_path / "speed.json"
    command = [sys.executable, "benchmarks/gan_speed.py", "--quick", "--rounds", "1", "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    figures = json.loads(out.read_text(encoding="utf-8"))
    assert set(figures["size"]) >= {"default", "paper"}
    stages = figures["stages"]["generators"]["default_bundle_f32"]
    assert stages["seconds_a_tile"]["gate_recognised_s"]["median"] > 0
    assert stages["tiles_a_second"]["median"] > 0
