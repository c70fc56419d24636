"""Seconds by stage, each moment charged to one stage only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter


class Stopwatch:
    """A stage inside another stops the outer one's clock, so that the stages add up to the whole.

    Example:
        >>> watch = Stopwatch()
        >>> with watch.stage("blend"):
        ...     with watch.stage("network"):
        ...         pass
        >>> sorted(watch.seconds)
        ['blend', 'network']
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._running: list[str] = []
        self._since = 0.0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Charge the block's time to a stage."""
        self._charge()
        self._running.append(name)
        try:
            yield
        finally:
            self._charge()
            self._running.pop()

    def _charge(self) -> None:
        now = perf_counter()
        if self._running:
            stage = self._running[-1]
            self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._since
        self._since = now
