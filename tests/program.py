"""What tests of the program share: a home of its own, the program in a process, a server."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from iryo.cli import app


@dataclass
class Program:
    """The program `iryo` with a home folder."""

    home: Path
    variables: dict[str, str] = field(default_factory=dict)

    def here(self, *words: str | Path) -> Result:
        """Run it in this process, as Typer's runner does; nothing is caught but its exit."""
        texts = ["--home", str(self.home), "--compute", "inline", *map(str, words)]
        return CliRunner().invoke(app, texts, catch_exceptions=False)

    def says(self, *words: str | Path, code: int = 0) -> str:
        """Run it in this process; its standard output, if it ends as expected."""
        result = self.here(*words)
        assert result.exit_code == code, result.output
        return result.stdout

    def json(self, *words: str | Path, code: int = 0) -> Any:
        """The one JSON object that it prints."""
        return json.loads(self.says(*words, "--json", code=code))

    def lines(self, *words: str | Path) -> list[Any]:
        """The JSON objects that it prints, one a line."""
        return [json.loads(line) for line in self.says(*words, "--json").splitlines()]

    def lines_of(self, *words: str | Path, code: int) -> list[Any]:
        """As `lines`, of a command that ends with another code."""
        return [json.loads(line) for line in self.says(*words, "--json", code=code).splitlines()]

    @property
    def environment(self) -> dict[str, str]:
        """The environment of its processes."""
        # COV...: coverage follows into processes by variables of its own.
        kept = {
            name: value
            for name, value in os.environ.items()
            if name in ("PATH", "HOME") or name.startswith("COV")
        }
        return kept | {"IRYO_HOME": str(self.home), "NO_COLOR": "1"} | self.variables

    def process(
        self, *words: str | Path, more: Mapping[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Run it in a process of its own."""
        return subprocess.run(
            [sys.executable, "-m", "iryo", *map(str, words)],
            env=self.environment | dict(more or {}),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    @contextmanager
    def serving(self) -> Iterator[dict[str, str]]:
        """`iryo serve` on a free port; gives what `iryo env` tells AWS clients."""
        server = subprocess.Popen(
            [sys.executable, "-m", "iryo", "serve", "--port", "0"],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with server:
            try:
                assert server.stdout is not None
                assert server.stderr is not None
                logged: list[str] = []
                reader = threading.Thread(target=lambda: logged.extend(server.stderr), daemon=True)  # type: ignore[arg-type]
                reader.start()
                first = server.stdout.readline()
                url = next((word for word in first.split() if "://" in word), None)
                assert url is not None, f"{first}{''.join(logged)}"
                threading.Thread(target=server.stdout.read, daemon=True).start()
                told = self.process("env", "--endpoint", url, "--json")
                assert told.returncode == 0, told.stderr
                yield json.loads(told.stdout)
            finally:
                server.terminate()
                try:
                    server.wait(20)
                except subprocess.TimeoutExpired:
                    server.kill()


@contextmanager
def installed(home: Path) -> Iterator[Program]:
    """A program whose home is set up."""
    program = Program(home)
    program.says("init")
    yield program
