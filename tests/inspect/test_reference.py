import pytest

from blemish.core.errors import InputError
from blemish.core.records import Verdict
from blemish.inspect.decisions import read_run
from blemish.inspect.reference import read_reference, reference_csv
from blemish.metrics.acceptance import ReferencePart


def written(folder, text: str):
    path = folder / "reference.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_reference_is_read_with_classes_sizes_and_appraisers(tmp_path):
    text = "serial,reference,class,size_mm,borderline,reference_by,anna_2,anna_1,ben_1,idle_1\n"
    text += "1,ng,dent; stain,2.5,yes,panel,OK,NG,NG,\n2,OK,,,,panel,OK,OK,,\n"
    found = read_reference(written(tmp_path, text))
    assert found.parts == (ReferencePart("1", False, ("dent", "stain"), 2.5, True), ReferencePart("2", True))
    assert (found.said_by, found.size_unit) == (("panel",), "mm")
    assert [(a.name, a.trials) for a in found.appraisers] == [
        ("anna", ({"1": False, "2": True}, {"1": True, "2": True})),
        ("ben", ({"1": False},)),
    ]


def test_trials_keep_their_numbers(tmp_path):
    text = "serial,reference,anna_1,anna_2,ben_1,ben_2\n1,NG,NG,OK,,OK\n"
    anna, ben = read_reference(written(tmp_path, text)).appraisers
    assert (anna.numbers, ben.numbers) == ((1, 2), (2,))
    assert ben.by_number == {2: {"1": True}}


def test_what_is_written_is_read_back(tmp_path):
    parts = (ReferencePart("a,b", False, ("dent", "stain"), 3.25), ReferencePart("c", True, borderline=True))
    found = read_reference(written(tmp_path, reference_csv(parts, size_unit="px", said_by="labels")))
    assert (found.parts, found.size_unit, found.said_by, found.appraisers) == (parts, "px", ("labels",), ())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("serial,verdict\n1,OK\n", "must have the columns serial and reference"),
        ("serial,reference,remark\n1,OK,x\n", "unknown column 'remark'.*anna_1"),
        ("serial,reference\n1,good\n", "line 2: reference must be OK or NG, got 'good'"),
        ("serial,reference,a_1\n1,OK,maybe\n", "line 2: a_1 must be OK or NG"),
        ("serial,reference\n1,OK\n1,NG\n", "line 3: serial '1' is there twice"),
        ("serial,reference\n,OK\n", "line 2: the serial is empty"),
        ("serial,reference,size_px\n1,NG,-3\n", "must be a positive number"),
        ("serial,reference,borderline\n1,NG,perhaps\n", "borderline must be yes, no or empty"),
        ("serial,reference\n", "holds no part"),
    ],
)
def test_a_bad_reference_is_refused_with_its_line(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read_reference(written(tmp_path, text))


LINE = '{"serial": "1", "verdict": "NG", "new_key": 1, "judged_by": "card of 12", "defects": ['
LINE += '{"code": "A", "name": "dent", "score": 0.5}, {"code": "A", "name": "dent", "score": 0.75}]}\n'


def test_a_run_is_read_with_the_highest_score_of_each_class(tmp_path):
    (tmp_path / "results.jsonl").write_text(LINE)
    found = read_run(tmp_path)
    assert found.decisions["1"].verdict == Verdict.NG
    assert found.decisions["1"].classes == {"A dent": 0.75}
    assert found.judged_by == ("card of 12",)


def test_a_class_that_was_left_to_a_person_was_named_all_the_same(tmp_path):
    unsure = LINE.replace('"NG"', '"REVIEW"').replace('"defects"', '"unsure"')
    (tmp_path / "results.jsonl").write_text(unsure)
    assert read_run(tmp_path).decisions["1"].classes == {"A dent": 0.75}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LINE + LINE, "line 2: serial '1' is there twice"),
        ('{"serial": "1", "verdict": "BAD"}\n', "line 1: verdict: "),
        ("no json\n", "line 1: .*not a result of inspect"),
    ],
)
def test_bad_results_are_refused_with_their_line(tmp_path, text, message):
    (tmp_path / "results.jsonl").write_text(text)
    with pytest.raises(InputError, match=message):
        read_run(tmp_path)


def test_a_stopped_inspection_is_no_result(tmp_path):
    (tmp_path / "results.jsonl.part").write_text(LINE)
    with pytest.raises(InputError, match="was stopped"):
        read_run(tmp_path)
