import pytest

from blemish.core.errors import InputError
from blemish.core.tables import read_table


def table(folder, text):
    path = folder / "x.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_columns_and_rows_with_their_lines(tmp_path):
    path = table(tmp_path, '\ufefffile,serial\na.png,"P 1\nx"\nb.png\n')
    columns, rows = read_table(path)
    assert columns == ["file", "serial"]
    assert rows == [(3, {"file": "a.png", "serial": "P 1\nx"}), (4, {"file": "b.png", "serial": ""})]


def test_a_quote_that_is_never_closed_swallows_nothing(tmp_path):
    many = "".join(f"b{n}.png,OK\n" for n in range(20_000))  # More than a field of the csv module may hold.
    for rest in ("b.png,OK\n", many):
        path = table(tmp_path, f'file,by\na.png,"panel of 3\n{rest}')
        with pytest.raises(InputError, match="cannot read groups file"):
            read_table(path, "groups file")


def test_empty_fields_beyond_the_columns_are_passed_over_others_refused(tmp_path):
    assert read_table(table(tmp_path, "file,serial\na.png,1,,\n"))[1] == [(2, {"file": "a.png", "serial": "1"})]
    with pytest.raises(InputError, match="line 2: more fields than 2 columns"):
        read_table(table(tmp_path, "file,serial\na, b.png,1\n"))


def test_what_is_no_text_is_refused(tmp_path):
    (tmp_path / "x.csv").write_bytes(b"file,serial\n\xff\xfe,1\n")
    with pytest.raises(InputError, match="cannot read"):
        read_table(tmp_path / "x.csv")
