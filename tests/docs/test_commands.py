"""What README and guides tell people to type exists, and what they point to is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from blemish.cli.main import app

ROOT = Path(__file__).parents[2]
ROOT_COMMAND = typer.main.get_command(app)
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
_FENCE = re.compile(r"^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(blemish [^`]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_NAMED_PAGE = re.compile(r"`(docs/[\w./-]+\.(?:md|svg|jpg|png))`")
_CONTINUED = re.compile(r"\s*\\\n\s*")
_SUBSTITUTED = re.compile(r"\$\([^)]*\)")
_ELLIPSIS = re.compile(r"\||\.\.\.")


def commands_in(text: str) -> list[str]:
    """Whole command lines of the code blocks, continued lines joined."""
    blocks = "\n".join(_CONTINUED.sub(" ", block) for block in _FENCE.findall(text))
    lines = (line.strip().removeprefix("$ ") for line in blocks.splitlines())
    return [line for line in lines if line.startswith("blemish ")]


def mentions_in(text: str) -> list[str]:
    """Commands named in running text, perhaps without their arguments; those that stand for several are left out."""
    found = [" ".join(span.split()) for span in _INLINE.findall(_FENCE.sub("", text))]
    return [span for span in found if not _ELLIPSIS.search(span)]


def resolved(line: str) -> tuple[Any, list[str]]:
    """The command that a line names, and its other words."""
    command: Any = ROOT_COMMAND
    words = shlex.split(_SUBSTITUTED.sub("FILES", line), comments=True)[1:]
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        if words[0] not in command.commands:
            raise LookupError(f"no command '{words[0]}' in: {line}")
        command = command.commands[words.pop(0)]
    return command, words


def unknown_flags(line: str) -> list[str]:
    command, words = resolved(line)
    known = {"--help"}.union(*(({*p.opts, *p.secondary_opts}) for p in command.params))
    return [word for word in words if word.startswith("-") and word.split("=")[0] not in known]


def parse(line: str) -> None:
    """As the command line would: required arguments and kinds of values too; nothing is run."""
    command, words = resolved(line)
    command.make_context(line, words)


def _cases(find: Any) -> list[Any]:
    return [
        pytest.param(line, id=f"{page.relative_to(ROOT)}: {line[:60]}")
        for page in PAGES
        for line in find(page.read_text(encoding="utf-8"))
    ]


@pytest.mark.parametrize("line", _cases(commands_in))
def test_a_command_line_in_the_docs_can_be_typed(line: str) -> None:
    assert unknown_flags(line) == []
    parse(line)


@pytest.mark.parametrize("line", _cases(mentions_in))
def test_a_command_named_in_the_text_exists(line: str) -> None:
    assert unknown_flags(line) == []


def test_the_guides_show_every_command_of_the_main_path() -> None:
    shown = {" ".join(shlex.split(line)[1:3]) for page in PAGES for line in commands_in(page.read_text("utf-8"))}
    path = {"data import", "data check", "data stats", "data split", "gan train", "gan generate"}
    assert path | {"segment train", "segment evaluate", "segment export"} <= shown
    assert any(name.startswith("inspect ") for name in shown)


def test_wrong_lines_are_found() -> None:
    assert unknown_flags("blemish data import x --out y --tiles 256") == ["--tiles"]
    with pytest.raises(LookupError, match="no command 'imprt'"):
        resolved("blemish data imprt x")
    with pytest.raises(Exception, match="valid int"):
        parse("blemish data import x --tile large")
    assert commands_in("```sh\nblemish data check \\\n    work/set  # why\n```\nblemish not in a block") == [
        "blemish data check work/set  # why"
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_named_pages_lead_to_files_that_are_there(page: Path) -> None:
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    links = [link for link in _LINK.findall(text) if not re.match(r"[a-z]+:", link)]
    dead = [link for link in links if not _is_there(page, link)]
    dead += [name for name in _NAMED_PAGE.findall(text) if not (ROOT / name).is_file()]
    assert dead == []


def _is_there(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists():
        return False
    return not anchor or anchor in _anchors(target.read_text(encoding="utf-8"))


def _anchors(text: str) -> set[str]:
    """As GitHub names headings."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
