#!/usr/bin/env bash
# Proves that the base install inspects without torch: a fresh environment, `pip install .`, `blemish inspect` on the
# tiny bundle. Prints what came out; ends with 0 only if every step did as expected.
#
#     scripts/check_without_torch.sh [PYTHON]
set -euo pipefail
cd "$(dirname "$0")/.."
python="${1:-python3.11}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

"$python" -m venv "$work/venv"
mkdir "$work/source"
cp -r pyproject.toml README.md LICENSE NOTICE src "$work/source"  # A build inside the checkout would leave files there.
"$work/venv/bin/pip" install --quiet "$work/source"
if "$work/venv/bin/python" -c 'import torch' 2>/dev/null; then
    echo "torch is there: this checks nothing" >&2
    exit 1
fi
cp -r tests/fixtures/tiny-bundle "$work/bundle"
cd "$work"
venv/bin/python - <<'PYTHON'
import numpy as np
from PIL import Image

gray = np.random.default_rng(0).integers(110, 141, (150, 200), dtype=np.uint8)
Image.fromarray(gray).save("good.png")
gray[60:66, 30:90] = 0
Image.fromarray(gray).save("bad.png")
PYTHON
for expected in "good.png 0" "bad.png 1"; do
    read -r picture code <<<"$expected"
    found=0
    venv/bin/blemish inspect bundle "$picture" --out "out-$code" || found=$?
    echo "blemish inspect bundle $picture: exit code $found, expected $code"
    test "$found" -eq "$code"
    test -s "out-$code/results.jsonl"
done
