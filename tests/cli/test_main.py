import subprocess
import sys

import pytest
from typer.testing import CliRunner

import blemish
from blemish.cli.console import guarded
from blemish.cli.main import app, run
from blemish.core.errors import InputError

COMMANDS = ["data simulate", "data import", "data split", "data check", "data stats", "data copy-paste", "data merge",
            "data export", "data reference", "gan describe", "gan train", "gan generate", "segment describe",
            "segment train", "segment evaluate", "segment export", "recipe new", "recipe check", "recipe dry-run",
            "bench ladder", "bench speed", "inspect", "accept", "demo"]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_design_tells_its_flags(command):
    result = CliRunner().invoke(app, [*command.split(), "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.output


def test_the_version_is_printed():
    assert CliRunner().invoke(app, ["--version"]).output.strip() == blemish.__version__


def test_a_wrong_flag_ends_with_exit_code_2():
    assert CliRunner().invoke(app, ["data", "stats", "--nonsense"]).exit_code == 2


def test_an_empty_argument_is_no_path(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["blemish", "inspect", "bundle", ""])
    with pytest.raises(SystemExit) as ended:
        run()
    assert ended.value.code == 2
    assert capsys.readouterr().err == "error: an empty argument: is a variable not set?\n"


def test_our_own_error_is_one_line_with_exit_code_2(capsys):
    @guarded
    def command() -> None:
        raise InputError("expected a,\ngot b")

    with pytest.raises(Exception) as caught:  # noqa: PT011 - typer's Exit has no name of its own to match
        command()
    assert caught.value.exit_code == 2
    assert capsys.readouterr().err == "error: expected a, got b\n"


def test_a_path_that_cannot_be_written_is_one_line_with_exit_code_2(tmp_path, capsys):
    (tmp_path / "file").write_text("")

    @guarded
    def command() -> None:
        (tmp_path / "file" / "below").mkdir(parents=True)

    with pytest.raises(Exception) as caught:  # noqa: PT011
        command()
    assert caught.value.exit_code == 2
    assert capsys.readouterr().err == f"error: {tmp_path / 'file' / 'below'}: Not a directory\n"


def test_help_needs_no_torch():
    code = "import sys; sys.modules['torch'] = None; import blemish.cli.main; print('fine')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "fine", done.stderr
