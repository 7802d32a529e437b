"""Read the code blocks of a Markdown page, and run them in order as a reader would.

    python tests/markdown.py README.md

runs one page by hand, in the current folder and environment. `tests/test_docs.py` runs every page
in a process, home folder and port of its own.

What a block's language means:

- ``console``: lines after ``$ `` are given to bash (``> `` or a backslash goes on with the same
  command), other lines are what it prints; ``...`` stands for anything. Variables and the folder
  stay from block to block. A command that ends in ``&`` runs until the page ends; the page goes on
  when it has printed its address, or what ends it.
- ``python``: executed; names stay from block to block.
- ``json``, ``toml``, ``yaml``: must parse.
- ``text``: shown. After ``<!-- output -->`` it is what the block before it printed.

``<!-- not run: reason -->`` before a block says why it is only read. ``<!-- needs: ... -->`` in a
page names what not every machine has: then a test of its own runs it where that is there.
"""

import contextlib
import doctest
import io
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import tomllib
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FENCE = re.compile(r"^(?P<indent>\s*)(?P<fence>`{3,}|~{3,})\s*(?P<language>[\w+-]*)")
COMMENT = re.compile(r"^\s*<!--\s*(?P<text>.*?)\s*-->\s*$")
NEEDS = re.compile(r"<!-- needs: (.*?) -->")
READY = re.compile(r"(?:http|tcp)://|Ctrl-C")
RUN = {"console", "python"}
PARSED = {"json", "toml", "yaml"}
SHOWN = {"text"}


@dataclass(frozen=True)
class Block:
    """A fenced block: the line of its opening fence, and what the comment before it says."""

    line: int
    language: str
    text: str
    comment: str | None

    @property
    def reason(self) -> str | None:
        """Why it is not run, if the page says so."""
        if self.comment and self.comment.startswith("not run:"):
            return self.comment.removeprefix("not run:").strip()
        return None

    @property
    def runs(self) -> bool:
        """Whether the block is executed."""
        return self.language in RUN and self.reason is None


def blocks(markdown: str) -> Iterator[Block]:
    """Every fenced block of a page, in order."""
    lines = markdown.splitlines()
    comment, number = None, 0
    while number < len(lines):
        line = lines[number]
        if opened := FENCE.match(line):
            start = number
            closing = re.compile(rf"^\s*{opened['fence'][0]}{{{len(opened['fence'])},}}\s*$")
            number += 1
            while number < len(lines) and not closing.match(lines[number]):
                number += 1
            text = textwrap.dedent("\n".join(lines[start + 1 : number]))
            yield Block(start + 1, opened["language"], text, comment)
            comment = None
        elif said := COMMENT.match(line):
            comment = said["text"]
        elif line.strip():
            comment = None
        number += 1


def commands(text: str) -> Iterator[tuple[str, str]]:
    """(command, expected output) of a console block."""
    command: list[str] = []
    output: list[str] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            if command:
                yield "\n".join(command), "\n".join(output)
            command, output = [line[2:]], []
        elif not command:
            raise ValueError(f"a console block begins with '$ ', not with {line!r}")
        elif not output and (line.startswith("> ") or command[-1].endswith("\\")):
            command.append(line.removeprefix("> "))
        else:
            output.append(line)
    if command:
        yield "\n".join(command), "\n".join(output)


def same(expected: str, got: str) -> bool:
    """Whether what was printed is what the page shows; `...` stands for anything."""
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    return doctest.OutputChecker().check_output(expected.strip() + "\n", got.strip() + "\n", flags)


class Session:
    """One reader at one terminal: variables, folder, names and servers last until it is closed."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"__name__": "__page__"}
        self.servers: list[subprocess.Popen[str]] = []
        self.printed = ""

    def run(self, block: Block) -> None:
        """Execute or parse one block; AssertionError when it does not do what the page shows."""
        if block.reason is not None:
            return
        if block.language == "console":
            for command, expected in commands(block.text):
                if command.endswith("&"):
                    self.serve(command[:-1])
                else:
                    self.printed = self.bash(command)
                if expected and not same(expected, self.printed):
                    raise AssertionError(f"$ {command}\nprinted\n{self.printed}\nnot\n{expected}")
        elif block.language == "python":
            caught = io.StringIO()
            with contextlib.redirect_stdout(caught):
                exec(compile(block.text, f"<block at line {block.line}>", "exec"), self.names)
            self.printed = caught.getvalue()
        elif block.language == "json":
            json.loads(block.text)
        elif block.language == "toml":
            tomllib.loads(block.text)
        elif block.language == "yaml":
            yaml.safe_load(block.text)
        elif block.comment == "output" and not same(block.text, self.printed):
            raise AssertionError(f"the block before printed\n{self.printed}\nnot\n{block.text}")

    def bash(self, command: str) -> str:
        """Run one command, keep the variables and folder that it leaves, give what it printed."""
        read, write = os.pipe()
        script = (
            # A server that the command leaves behind must not keep our pipe open.
            f"set -aeo pipefail\n{{\n{command}\n}} {write}>&-\n"
            f"env -0 >&{write}; printf 'PWD=%s' \"$PWD\" >&{write}"
        )
        ran = subprocess.run(
            ["bash", "-c", script],
            pass_fds=[write],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        os.close(write)
        with os.fdopen(read) as pipe:
            left = dict(entry.split("=", 1) for entry in pipe.read().split("\0") if "=" in entry)
        if ran.returncode:
            raise AssertionError(f"$ {command}\nexit code {ran.returncode}\n{ran.stdout}")
        os.environ.clear()
        os.environ.update(left)
        os.chdir(left["PWD"])
        return ran.stdout

    def serve(self, command: str) -> None:
        """Start a server in a session of its own; returns when it has printed its address."""
        server = subprocess.Popen(
            ["bash", "-c", f"exec {command}"],
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.servers.append(server)
        assert server.stdout is not None
        seen = []
        for line in server.stdout:
            seen.append(line)
            if READY.search(line):
                # What it prints from now on must not fill the pipe and stop it.
                threading.Thread(target=server.stdout.read, daemon=True).start()
                self.printed = "".join(seen)
                return
        raise AssertionError(f"$ {command} &\nended without an address:\n{''.join(seen)}")

    def close(self) -> None:
        """End the servers, hard if they do not take the hint."""
        for server in self.servers:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)
                server.wait()


def main(path: Path) -> int:
    """Run a page to its end or its first failure, which is printed with its place."""
    session = Session()
    where = str(path.resolve())
    try:
        for block in blocks(path.read_text(encoding="utf-8")):
            try:
                session.run(block)
            except BaseException:  # noqa: BLE001 - whatever a page's code raises is told with its line
                told = traceback.format_exc(limit=-2)
                sys.stdout.write(f"{where}:{block.line}: ```{block.language}\n{told}\n")
                return 1
    finally:
        session.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
