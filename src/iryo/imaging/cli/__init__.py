"""The door of the room at the terminal: import, search, show, export, and the care of it all."""

import typer

from iryo.imaging.cli.care import damage_commands, verify
from iryo.imaging.cli.compacting import compact
from iryo.imaging.cli.datastores import datastore_commands
from iryo.imaging.cli.exporting import export
from iryo.imaging.cli.finding import search
from iryo.imaging.cli.importing import import_files
from iryo.imaging.cli.keeping import hold_commands, retention_commands
from iryo.imaging.cli.peers import peer_commands
from iryo.imaging.cli.pixels import frame
from iryo.imaging.cli.receiving import received_commands
from iryo.imaging.cli.showing import show
from iryo.imaging.cli.storage import storage

__all__ = ["add_commands"]


def add_commands(program: typer.Typer) -> None:
    """Add the commands of the room."""
    program.command("import")(import_files)
    program.command("search")(search)
    program.command("show")(show)
    program.command("frame")(frame)
    program.command("export")(export)
    program.add_typer(datastore_commands(), name="datastores")
    program.command("verify")(verify)
    program.command("compact")(compact)
    program.command("storage")(storage)
    program.add_typer(hold_commands(), name="hold")
    program.add_typer(retention_commands(), name="retention")
    program.add_typer(damage_commands(), name="damage")
    program.add_typer(peer_commands(), name="peers")
    program.add_typer(received_commands(), name="received")
