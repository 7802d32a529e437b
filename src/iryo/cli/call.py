"""`iryo call SERVICE OPERATION`: an AWS operation, without a server and without HTTP.

It goes through the table of operations that the server has, with the same checks, the same roles
and the same audit; botocore's model says what there is and reads what is typed.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iryo.cli.shell import FAILED, Shell, shell_of
from iryo.errors import IryoError, NotFound
from iryo.imaging.cli.terminal import JsonOption

if TYPE_CHECKING:
    from iryo.cli.operations import Offered

__all__ = ["add_commands"]


def add_commands(program: typer.Typer) -> None:
    """Add the command of this file."""
    program.command("call")(call)


def _complete_service(incomplete: str) -> list[str]:
    from iryo.cli.operations import services

    return [name for name in services() if name.startswith(incomplete)]


def _complete_operation(context: typer.Context, incomplete: str) -> list[str]:
    from contextlib import suppress

    from iryo.cli.operations import operation_names

    with suppress(IryoError):
        names = operation_names(context.params.get("service") or "")
        return [name for name in names if name.lower().startswith(incomplete.lower())]
    return []


def call(
    context: typer.Context,
    service: Annotated[
        str,
        typer.Argument(
            help="The service, such as medical-imaging.", autocompletion=_complete_service
        ),
    ],
    operation: Annotated[
        str | None,
        typer.Argument(
            help="The operation, as GetDatastore or get-datastore; without it, all are listed.",
            autocompletion=_complete_operation,
        ),
    ] = None,
    members: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MEMBER=VALUE",
            help="Members of the input. Structures, lists and maps are JSON; @FILE reads a file.",
        ),
    ] = None,
    *,
    json_input: Annotated[
        str | None,
        typer.Option("--json-input", metavar="JSON|@FILE", help="The input as one JSON object."),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Where bytes go; - for standard output."
        ),
    ] = None,
    describe: Annotated[
        bool, typer.Option("--describe", help="Say what the operation takes and gives.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Call an AWS operation as boto3 would, without a server. The output is JSON.

    Exit code 1 with AWS's error code and message when the operation is refused.
    """
    from iryo.cli import operations

    shell = shell_of(context, json=json)
    if operation is None:
        names = operations.operation_names(service)
        if shell.json:
            shell.emit(names)
        else:
            typer.echo("\n".join(names))
        return
    offered = operations.find(service, operation)
    if describe:
        typer.echo(operations.described(offered))
        return
    blob = operations.blob_member(offered)
    if blob is not None and output is None:
        raise NotFound(
            f"{offered.name} gives bytes ({blob}), and there is no place for them: -o FILE,"
            " or -o - for standard output"
        )
    given = operations.read_input(offered, json_input, members or [])
    try:
        answer = operations.run(shell, offered, given)
    except IryoError as error:
        _refused(shell, offered, error)
        raise typer.Exit(FAILED) from error
    if blob is not None:
        _save(answer.pop(blob), str(output))
        if output == "-":
            return
    shell.emit(operations.printable(answer)) if shell.json else shell.out.print_json(
        data=operations.printable(answer)
    )


def _refused(shell: Shell, offered: "Offered", error: IryoError) -> None:
    import orjson

    from iryo.cli import operations

    code = operations.code_of(offered, error)
    if shell.json:
        told = {"error": {"kind": code, "message": error.message}}
        typer.echo(orjson.dumps(told).decode(), err=True)
    else:
        typer.echo(f"iryo: {code}: {error.message}", err=True)


def _save(data: bytes, output: str) -> None:
    if output == "-":
        typer.get_binary_stream("stdout").write(data)
        return
    try:
        Path(output).write_bytes(data)
    except OSError as error:
        raise IryoError(f"cannot write {output}: {error.strerror}") from error
