"""What an acceptance test comes to, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from blemish.metrics.acceptance import NOT_SAID, ReferencePart
from blemish.metrics.acceptance_outcome import Acceptance, Item
from blemish.metrics.limits import Proof
from blemish.report.evaluation_words import exact_percent, limit_percent, percent

_MOST_REVIEW = 0.2  # From here on the headline says so: a station that decides nothing keeps both limits.


def headline(found: Acceptance) -> str:
    """The outcome in a line."""
    if found.proof == Proof.PROVED:
        review = found.rates[0].review.rate
        people = f", but {percent(review)} of the parts go to a person" if review > _MOST_REVIEW else ""
        return f"Accepted: both rates are proved to keep their limits{people}"
    names = list(dict.fromkeys(item.name for item in found.items if item.proof == found.proof))
    if found.proof == Proof.FAILED:
        return f"Not accepted: {' and '.join(names)} {'are' if len(names) > 1 else 'is'} too high"
    open_ = [f"{' and '.join(names)} {'are' if len(names) > 1 else 'is'} not proved"] if names else []
    missing = len(found.matching.without_result)
    if missing:
        open_.append(f"{missing} of {missing + len(found.matching.judged)} reference parts have no result in every run")
    return f"Not accepted yet: {'; '.join(open_)}"


def lead(found: Acceptance) -> list[str]:
    """One sentence for each rate of the first run; what the other runs add."""
    first = found.runs[0].name
    told = [_sentence(item, found) for item in found.items if item.run == first]
    review = found.rates[0].review
    told.append(f"{review.count} of {review.total} parts ({percent(review.rate)}) go to a person (REVIEW).")
    if len(found.runs) > 1:
        told.append(
            f"In {len(found.runs)} runs the verdict of {len(found.flips)} of {len(found.matching.judged)} parts "
            f"changed; every run must prove both rates."
        )
    return told


def bound_words(item: Item) -> str:
    """The one-sided limit that decides, on the side of the target on which it is."""
    if item.proof == Proof.FAILED:
        return f"at least {limit_percent(item.limits.exact_lower, item.target, upper=False)}"
    return f"at most {limit_percent(item.limits.exact_upper, item.target)}"


def counted(found: Acceptance) -> str:
    """How the parts of both files add up."""
    matching = found.matching
    judged, missing, strange = len(matching.judged), len(matching.without_result), len(matching.without_reference)
    return (
        f"{judged + missing} parts in the reference = {judged} judged + {missing} without a result in every run. "
        f"Beside them {strange} {'part was' if strange == 1 else 'parts were'} inspected that the reference does not "
        f"hold: not judged."
    )


def unknown_words(found: Acceptance) -> str:
    """Which classes of the reference the inspector does not know; empty where there is none."""
    classes = [f"{name} ({count} part{'' if count == 1 else 's'})" for name, count in found.not_known.items()]
    if not classes:
        return ""
    return (
        f"Classes that the inspector does not know, never learned or misspelt in the reference: {', '.join(classes)}."
    )


def parts_words(parts: Sequence[ReferencePart]) -> list[tuple[str, str]]:
    """What the judged test parts are: a name and a number each."""
    bad = [part for part in parts if not part.is_ok]
    classes = Counter(name for part in bad for name in part.classes or (NOT_SAID,))
    several = sum(len(part.classes) > 1 for part in bad)
    rows = [
        ("good parts", str(len(parts) - len(bad))),
        ("defective parts", str(len(bad))),
        *((f"of them with {name}", str(count)) for name, count in classes.items()),
    ]
    if several:
        rows.append(("of them with several classes (counted in each)", str(several)))
    return [*rows, ("called borderline by the reference", str(sum(part.borderline for part in parts)))]


def _sentence(item: Item, found: Acceptance) -> str:
    limits, what = (
        item.limits,
        "defective parts were called OK" if item.name == "escape" else "good parts were called NG",
    )
    if not limits.total:
        return f"Nothing is known of {item.name}: there is no such part in the test."
    confidence = f"{found.targets.confidence * 100:g} %"
    target = exact_percent(item.target)
    bound = {
        Proof.PROVED: f"{bound_words(item)}: at most {target} is proved",
        Proof.NOT_PROVED: f"{bound_words(item)}: at most {target} is not proved",
        Proof.FAILED: f"{bound_words(item)}: above the limit of {target}",
    }[item.proof]
    return (
        f"{limits.count} of {limits.total} {what}: {item.name} {percent(limits.rate)}, "
        f"with {confidence} confidence {bound}."
    )
