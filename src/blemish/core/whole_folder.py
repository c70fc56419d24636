"""A folder that appears whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_folder(out: Path, *, replace: bool = False) -> Iterator[Path]:
    """A hidden folder beside `out` to write to; it becomes `out` when the block ends well, else it is removed.

    What a killed process of the same number left there is cleared away first.

    Args:
        replace: a folder that is there gives way at the end; else only an empty one does.

    Raises:
        OSError: the disk is full, `out` may not be written to, or holds something and `replace` is off.

    Example:
        >>> import tempfile
        >>> out = Path(tempfile.mkdtemp()) / "report"
        >>> with whole_folder(out) as work:
        ...     _ = (work / "page.html").write_text("all of it")
        >>> [path.name for path in out.parent.iterdir()], (out / "page.html").read_text()
        (['report'], 'all of it')
    """
    work = out.with_name(f".{out.name}.unfinished-{os.getpid()}")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        yield work
        if replace:
            shutil.rmtree(out, ignore_errors=True)
        work.replace(out)
    finally:
        shutil.rmtree(work, ignore_errors=True)
