"""A real `iryo serve` in a process of its own, and other programs beside it."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Final

from iryo.errors import Unavailable
from iryo.settings import environment

__all__ = ["Installation", "program", "run"]

_PATIENCE: Final = 20


@dataclass(frozen=True)
class Installation:
    """A home folder of iryo, spoken to as a user would: by running programs."""

    home: Path

    def iryo(self, *words: str) -> str:
        """Run the program `iryo`; what it prints.

        Raises:
            Unavailable: if it fails; with what it says.
        """
        return run([sys.executable, "-m", "iryo", "--home", str(self.home), *words])

    @contextmanager
    def serving(self) -> Iterator[tuple[str, int]]:
        """Serve on free ports; gives the URL and the port of DIMSE. Afterwards it has ended."""
        command = [sys.executable, "-m", "iryo", "--home", str(self.home), "--port", "0"]
        command += ["--dimse-port", "0"]
        with (
            (self.home / "serve.log").open("w") as log,
            subprocess.Popen(  # noqa: S603 - our own words
                [*command, "serve"], stdout=subprocess.PIPE, stderr=log, text=True
            ) as server,
        ):
            try:
                yield _address(server, self.home / "serve.log")
            finally:
                server.terminate()
                try:
                    server.wait(_PATIENCE)
                except subprocess.TimeoutExpired:
                    server.kill()

    def client_environment(self, url: str) -> dict[str, str]:
        """What `iryo env` tells the AWS clients."""
        found: dict[str, str] = json.loads(self.iryo("env", "--endpoint", url, "--json"))
        return found


def _address(server: "subprocess.Popen[str]", log: Path) -> tuple[str, int]:
    assert server.stdout is not None  # noqa: S101 - a pipe was asked for
    url = ""
    for line in server.stdout:
        url = next((word for word in line.split() if word.startswith("http://")), url)
        if url and (port := re.search(r"on port (\d+)", line)):
            Thread(target=server.stdout.read, daemon=True).start()
            return url, int(port[1])
    raise Unavailable(f"the server did not start:\n{log.read_text()[-2000:]}")


def run(command: Sequence[str], extra: dict[str, str] | None = None) -> str:
    """Run a program to its end; what it prints.

    Raises:
        Unavailable: if it fails; with what it says.
    """
    ran = subprocess.run(  # noqa: S603 - our own words
        command,
        env={**environment(), **(extra or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if ran.returncode:
        said = (ran.stderr or ran.stdout).strip().splitlines()[-1:]
        words = " ".join(word for word in command if not word.startswith("/"))
        raise Unavailable(f"{words} ended with {ran.returncode}: {' '.join(said)}")
    return ran.stdout


def program(name: str) -> Path | None:
    """A program that is installed beside this Python."""
    path = Path(sys.executable).with_name(name)
    return path if path.is_file() else None
