"""The program `iryo`. It reads the command line, calls one use case and shows what came of it.

Modules of the house are imported by the commands that need them, so that help and completion come
at once.
"""

import errno
import inspect
import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from iryo import __version__
from iryo.cli import (
    access,
    backup,
    call,
    doctor,
    jobs,
    ohif,
    people,
    querying,
    restore,
    sending,
    setup,
    work,
)
from iryo.cli.shell import FAILED, INTERRUPTED, REFUSED, Shell, exit_code
from iryo.errors import IryoError
from iryo.imaging.cli import add_commands as add_imaging
from iryo.settings import SETTINGS, Setting

__all__ = ["app", "main"]

_PANEL: Final = "Settings (each also as IRYO_NAME in the environment, or in iryo.toml)"


# Typer brings a Click of its own in newer versions, so its name is not the same in all.
_UsageError: Final[Any] = typer.BadParameter.__base__


class _Commands(TyperGroup):
    """The commands; a failure on purpose becomes one line and an exit code."""

    _json = False

    def make_context(self, *given: Any, **more: Any) -> Any:
        """The root of all contexts; its `obj` is the shell. Completion, too, comes through here."""
        words = given[1] if len(given) > 1 else more["args"]
        self._json = "--json" in words  # wherever it stands: usage errors are JSON as well
        try:
            context = super().make_context(*given, **more)
        except _UsageError as error:
            self._misused(error)
            raise
        flags = {setting.name: context.params.get(setting.name) for setting in SETTINGS}
        context.obj = Shell(flags, context.params.get("config"))
        context.obj.json = bool(context.params.get("json"))
        context.call_on_close(context.obj.close)
        return context

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was typed."""
        try:
            return super().invoke(ctx)
        except _UsageError as error:
            self._misused(error)
            raise
        except IryoError as error:
            ctx.obj.complain(error)
            raise typer.Exit(exit_code(error)) from error

    def _misused(self, error: Any) -> None:
        """Say as JSON, if that is asked for, what is wrong with the words."""
        if self._json:
            told = {"error": {"kind": "Usage", "message": error.format_message()}}
            sys.stderr.write(json.dumps(told) + "\n")
            raise typer.Exit(REFUSED) from error


def _option(setting: Setting) -> inspect.Parameter:
    """A setting as an option of the program."""
    boolean = setting.type == "boolean"
    default = (setting.default or "").format(home="HOME", home_url="file://HOME")
    names = [f"{setting.flag}/--no-{setting.flag[2:]}"] if boolean else [setting.flag]
    option = typer.Option(
        *names,
        help=f"{setting.help} Default: {default}" if default else setting.help,
        show_default=False,
        metavar=None if boolean else setting.type.upper(),
        rich_help_panel=_PANEL,
    )
    kind: Any = bool | None if boolean else str | None
    return inspect.Parameter(
        setting.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind, option],
    )


def _show_version(value: bool) -> None:
    if value:
        sys.stdout.write(f"iryo {__version__}\n")
        raise typer.Exit


def _program(**_: Any) -> None:
    """A self-hosted store for medical images: DICOM in, image sets out, for boto3 and for people.

    Begin with `iryo init`, then `iryo import FOLDER`, `iryo search NAME`, `iryo serve`.
    """


# The settings are a table, and the options of the program are made from it: none can be forgotten.
_program.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
    [
        *(
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind
            )
            for name, default, kind in (
                (
                    "config",
                    None,
                    Annotated[
                        Path | None,
                        typer.Option("--config", metavar="FILE", help="A TOML file with settings."),
                    ],
                ),
                (
                    "json",
                    False,
                    Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")],
                ),
                (
                    "version",
                    False,
                    Annotated[
                        bool,
                        typer.Option(
                            "--version",
                            help="Print the version.",
                            callback=_show_version,
                            is_eager=True,
                        ),
                    ],
                ),
            )
        ),
        *map(_option, SETTINGS),
    ]
)


def _build() -> typer.Typer:
    program = typer.Typer(
        name="iryo",
        cls=_Commands,
        callback=_program,
        no_args_is_help=True,
        # A traceback with the values of variables would show patient data.
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )
    setup.add_commands(program)
    work.add_commands(program)
    add_imaging(program)
    sending.add_commands(program)
    querying.add_commands(program)
    ohif.add_commands(program)
    call.add_commands(program)
    jobs.add_commands(program)
    access.add_commands(program)
    people.add_commands(program)
    backup.add_commands(program)
    restore.add_commands(program)
    doctor.add_commands(program)
    return program


app: Final = _build()


def main() -> None:
    """The entry point of the program `iryo`."""
    import logging

    # Commands say themselves what went wrong, in a line; `serve` has a log.
    logging.getLogger("iryo").addHandler(logging.NullHandler())
    if sys.stdout is None:  # closed by who started us, which its type does not know
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - until the end
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except OSError as error:
        # What is left in the buffer would be tried, and fail, once more at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno != errno.EPIPE:
            sys.stderr.write(f"iryo: {error.strerror or type(error).__name__}\n")
        sys.exit(FAILED)
