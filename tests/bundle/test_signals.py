"""A signal after a segmenter was dropped by another thread: it reaches its handler and does not crash the process."""

import subprocess
import sys
from pathlib import Path

TINY = Path(__file__).parents[1] / "fixtures" / "tiny-bundle"
DROPPED_ELSEWHERE = """
import gc, signal, sys, threading
from pathlib import Path
from blemish.bundle.bundle import Bundle

held = [Bundle.open(Path(sys.argv[1])).segmenter(threads=1)]

def drop():
    held.clear()
    gc.collect()

other = threading.Thread(target=drop)
other.start()
other.join()
signal.signal(signal.SIGINT, lambda *_: print("handled"))
signal.raise_signal(signal.SIGINT)
"""


def test_a_segmenter_dropped_by_another_thread_leaves_signals_working():
    command = [sys.executable, "-c", DROPPED_ELSEWHERE, str(TINY)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "handled\n"), done.stderr
