"""`iryo ohif`: the OHIF viewer, installed beside the data and served at /ohif."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iryo.cli.shell import Shell, shell_of
from iryo.imaging.cli.terminal import JsonOption

if TYPE_CHECKING:
    from iryo.imaging.ohif import Installed

__all__ = ["add_commands"]


def add_commands(program: typer.Typer) -> None:
    """Add the commands of this file."""
    program.command("ohif")(ohif)


def ohif(
    context: typer.Context,
    *,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="The package as a file, for machines that reach no registry: what "
            "`npm pack @ohif/app` made elsewhere.",
        ),
    ] = None,
    version: Annotated[
        str | None,
        typer.Option(
            "--package-version",
            metavar="VERSION",
            help="Another version than the one that is tested.",
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Install the OHIF viewer, which the server then has at /ohif.

    It is the npm package @ohif/app, fetched by npm from the registry that npm is set up for. A
    server that runs already serves it at once.
    """
    from iryo.app import require_installation
    from iryo.errors import InvalidInput
    from iryo.imaging.ohif import TESTED, fetch, install

    shell = shell_of(context, json=json)
    require_installation(shell.settings)
    if source is not None and version is not None:
        raise InvalidInput("the file of --from has a version of its own: leave the other away")
    with shell.audited("cli:ohif", scope="*", resource=""):
        if source is not None:
            done = install(source, shell.settings.home)
        else:
            version = version or TESTED
            if not shell.json:
                shell.err.print(f"Fetching @ohif/app {version} by npm (about 50 MB) ...")
            with fetch(version) as package:
                done = install(package, shell.settings.home)
    _tell(shell, done, TESTED)


def _tell(shell: Shell, done: "Installed", tested: str) -> None:
    if shell.json:
        shell.emit({"version": done.version, "tested": tested, "folder": str(done.folder)})
        return
    shell.say(f"OHIF {done.version} is in {done.folder}; the server has it at /ohif.")
    if done.version.split(".")[:2] != tested.split(".")[:2]:
        shell.err.print(f"It is {tested} that is tested with this server.", soft_wrap=True)
