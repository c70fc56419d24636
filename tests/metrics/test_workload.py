import pytest

from blemish.core.errors import InputError
from blemish.metrics.workload import paper_example, workload


def test_the_papers_figures_come_out():
    paper = paper_example()
    assert (paper.ok, paper.flagged) == (pytest.approx(0.72, abs=1e-12), pytest.approx(0.28, abs=1e-12))
    assert (paper.flagged_good, paper.flagged_defective) == (pytest.approx(0.09), pytest.approx(0.19))
    assert paper.people_without == pytest.approx(8)
    assert paper.people == pytest.approx(2.24)


def test_a_day_by_hand():
    day = workload(
        defect_rate=0.02, escape=0.5, stage_one_overkill=0.1, ng_unseen=0.008, parts_a_day=10_000, seconds_a_part=36
    )
    assert day.escaped == pytest.approx(0.01)
    assert day.flagged == pytest.approx(0.098 + 0.01)
    assert day.parts_seen == pytest.approx(1000)
    assert day.hours == pytest.approx(10)
    assert day.people == pytest.approx(1.25)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"escape": 1.1}, "escape must be a share"),
        ({"parts_a_day": 0}, "parts_a_day must be above 0"),
        ({"ng_unseen": 0.9}, "at most the flagged share"),
    ],
)
def test_what_cannot_be_is_refused(change, told):
    with pytest.raises(InputError, match=told):
        workload(**{"defect_rate": 0.1, "escape": 0.1, "stage_one_overkill": 0.1, "parts_a_day": 1,
                    "seconds_a_part": 1} | change)  # fmt: skip
