"""What holds for every test."""

import sys

import pytest


@pytest.fixture(autouse=True)
def threads_as_before():
    """Torch's threads are the process's: a test, or a command that it runs, leaves them as it found them."""
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else None
    yield
    if before is not None:
        torch.set_num_threads(before)
