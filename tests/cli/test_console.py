"""What every command does where its output is not read to the end."""

import subprocess
import sys

TALKS = """
import typer
from blemish.cli.console import guarded

@guarded
def talk():
    for line in range(100_000):
        print("a line of some length", line)

@guarded
def lose_a_helper():
    raise BrokenPipeError(32, "Broken pipe")

@guarded
def fall_over():
    print(1 / 0)

typer.run({command})
"""


def ended(command: str, *, leaves: bool) -> tuple[int, str]:
    """Exit code and standard error of a program whose output is read to the end, or left behind its first line."""
    words = [sys.executable, "-c", TALKS.replace("{command}", command)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        if leaves:
            program.stdout.readline()
            program.stdout.close()
        else:
            program.stdout.read()
        told = program.stderr.read()
        return program.wait(), told


def test_a_reader_that_has_enough_ends_a_command_without_a_word_and_not_with_0():
    assert ended("talk", leaves=True) == (141, "")


def test_a_pipe_to_a_helper_that_broke_is_told():
    code, told = ended("lose_a_helper", leaves=False)
    assert code == 2
    assert told == "error: the disk: Broken pipe\n"


def test_a_fault_of_our_own_never_ends_with_a_code_that_means_ng():
    code, told = ended("fall_over", leaves=False)
    assert code == 2
    assert "ZeroDivisionError" in told
    assert told.endswith(
        "error: this is a fault of Blemish, not of your input: please report it with the lines above\n"
    )
