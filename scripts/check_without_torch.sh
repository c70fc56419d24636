#!/usr/bin/env bash
# Proves that the base install inspects and draws without torch: a fresh environment, `pip install .`, `blemish inspect`
# with the tiny inspector, `blemish gan generate` with the tiny generator. Prints what came out; ends with 0 only if
# every step did as expected.
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
cp -r tests/fixtures/tiny-generator "$work/generator"
cd "$work"
venv/bin/python - <<'PYTHON'
import numpy as np
from PIL import Image

gray = np.random.default_rng(0).integers(110, 141, (150, 200), dtype=np.uint8)
Image.fromarray(gray).save("good.png")
gray[60:66, 30:90] = 0
Image.fromarray(gray).save("bad.png")
label = np.zeros((150, 200), np.uint8)
label[60:72, 30:90] = 1
Image.fromarray(label).save("label.png")
PYTHON
for expected in "good.png 0" "bad.png 1"; do
    read -r picture code <<<"$expected"
    found=0
    venv/bin/blemish inspect bundle "$picture" --out "out-$code" || found=$?
    echo "blemish inspect bundle $picture: exit code $found, expected $code"
    test "$found" -eq "$code"
    test -s "out-$code/results.jsonl"
done
venv/bin/blemish gan generate generator --label label.png --background good.png --out drawn.png
venv/bin/python - <<'PYTHON'
import numpy as np
from PIL import Image

good, drawn = (np.asarray(Image.open(name)).astype(int) for name in ("good.png", "drawn.png"))
inside, beyond = drawn[60:72, 30:90] - good[60:72, 30:90], np.abs(drawn - good)
beyond[57:75, 27:93] = 0  # The label and what its soft edge reaches.
print(f"blemish gan generate generator: {inside.mean():.0f} grey levels in the defect, {beyond.max()} beyond its edge")
assert inside.mean() < -30 and beyond.max() == 0
PYTHON
