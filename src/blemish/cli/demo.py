"""`blemish demo`: the whole story on the simulated line, ending in a report."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from blemish.cli.console import guarded, say, show


@guarded
def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where index.html goes; the work lies beside it.")] = Path(
        "report"
    ),
    minutes: Annotated[
        float, typer.Option(metavar="MIN", help="About so long: the training steps that fit on this machine.")
    ] = 12.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Simulate cells, fill up the lopsided set with the GAN, train the inspector without and with, inspect, report.

    A demo that was stopped goes on where it was: run the same command again.
    """
    from blemish.bench.demo import run_demo, settings_here
    from blemish.bench.demo_story import tell
    from blemish.report.story import outcome, write_story

    settings = settings_here(out / "work", minutes)
    products = run_demo(out / "work", settings)
    story = tell(products)
    page = write_story(story, out)
    say(outcome(story))
    values = {
        "report": str(page),
        "settings": asdict(settings),
        "seconds": products.seconds,
        "before": products.before.found.to_dict(),
        "after": products.after.found.to_dict(),
    }
    show(values, str(page), as_json)
