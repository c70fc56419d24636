from blemish.bench.compare_parts import groups_of_parts, parts_gain
from blemish.bench.judging import JUDGING

GROUPS = {f"part-{place}": f"group-{place}" for place in range(8)}


def cell(rung: str, scores: list[float], *, seed: int = 0, judging: int = JUDGING) -> dict:
    """Four defective parts, then four good ones."""
    named = dict(zip(GROUPS, scores, strict=True))
    kinds = {"defective": dict(list(named.items())[:4]), "clean": dict(list(named.items())[4:])}
    return {"rung": rung, "fold": 0, "seed": seed, "judging": judging, "part_scores": kinds}


RIGHT, WRONG = [0.9, 0.8, 0.7, 0.6, 0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9]


def test_what_one_rung_gains_by_parts():
    cells = [cell("gan", RIGHT), cell("loss", WRONG)]
    found = parts_gain(cells, "gan", "loss", GROUPS)
    assert found == {"mean": 1.0, "interval": [1.0, 1.0], "groups": 4, "seeds": 1}
    assert parts_gain(cells, "loss", "gan", GROUPS)["mean"] == -1.0


def test_only_seeds_that_both_have_are_compared():
    cells = [cell("gan", RIGHT), cell("loss", RIGHT), cell("gan", WRONG, seed=1)]
    assert parts_gain(cells, "gan", "loss", GROUPS)["mean"] == 0.0


def test_cells_that_were_judged_otherwise_say_nothing():
    cells = [cell("gan", RIGHT), cell("loss", WRONG, judging=JUDGING - 1)]
    assert parts_gain(cells, "gan", "loss", GROUPS) is None


def test_a_set_without_good_parts_has_no_gain_by_parts():
    cells = [cell("gan", RIGHT), cell("loss", WRONG)]
    for one in cells:
        one["part_scores"] = {"defective": one["part_scores"]["defective"], "clean": {}}
    assert parts_gain(cells, "gan", "loss", GROUPS) is None


def test_two_physical_defects_say_nothing_of_others():
    cells = [cell("gan", RIGHT), cell("loss", WRONG)]
    few = {part: group if int(part[-1]) > 3 else f"defect-{int(part[-1]) // 2}" for part, group in GROUPS.items()}
    assert parts_gain(cells, "gan", "loss", few) is None


def test_rungs_with_nothing_in_common_have_no_gain():
    assert parts_gain([cell("gan", RIGHT), cell("loss", WRONG, seed=1)], "gan", "loss", GROUPS) is None


def test_the_group_of_a_part(tiny):
    groups = groups_of_parts(tiny)
    assert {groups[record.part or record.id] for record in tiny.records} == {record.group for record in tiny.records}
