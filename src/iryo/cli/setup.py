"""Commands that set up and start: init, serve, env, settings."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from iryo.cli.credentials import read_credentials, write_credentials
from iryo.cli.shell import Shell, shell_of
from iryo.errors import IryoError, NotFound
from iryo.imaging.cli.terminal import JsonOption

if TYPE_CHECKING:
    from iryo.app import App
    from iryo.settings import Settings

__all__ = ["add_commands", "endpoint", "first_link"]

CREDENTIALS: Final = "credentials"
FIRST_KEY: Final = "first admin"


def add_commands(program: typer.Typer) -> None:
    """Add the commands of this file."""
    program.command("init")(init)
    program.command("serve")(serve)
    program.command("env")(env)
    program.command("settings")(settings)


def init(
    context: typer.Context,
    *,
    datastore: Annotated[bool, typer.Option(help="Make a first data store, called main.")] = True,
    json: JsonOption = False,
) -> None:
    """Make an installation: folder, key file, database, the first access key, a data store.

    What is there already stays as it is, so a second call changes nothing.
    """
    from contextlib import suppress

    from iryo.access import Role, create_key_file
    from iryo.app import KEY_FILE
    from iryo.errors import Conflict
    from iryo.imaging.service import datastores
    from iryo.imaging.service.lookup import DEFAULT_DATASTORE, active_datastores

    shell = shell_of(context, json=json)
    home = shell.settings.home
    made: dict[str, str] = {}
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        home.chmod(0o700)
    except OSError as error:
        raise IryoError(f"cannot make the folder {home}: {error.strerror}") from error
    with suppress(Conflict):  # there is one: it seals the secrets, and is never made anew
        create_key_file(home / KEY_FILE)
        made["key file"] = str(home / KEY_FILE)
    app = shell.app
    if not app.access.list_keys():
        with shell.audited("cli:keys.create", scope="*", resource="") as row:
            key_id, secret = app.access.create_key(name=FIRST_KEY, role=Role.ADMIN)
            row.resource = key_id
        write_credentials(home / CREDENTIALS, key_id, secret, shell.settings.region)
        made |= {"access key": key_id, "secret": secret}
    if datastore and not active_datastores(app.room):
        with shell.audited("cli:datastores.create", scope="*", resource="") as row:
            store = datastores.create(app.room, name=DEFAULT_DATASTORE)
            row.resource = store.id
        made["data store"] = f"{store.name} {store.id}"
    if shell.json:
        shell.emit({"home": str(home), "made": made})
        return
    if not made:
        shell.say(f"There is an installation in {home} already; nothing was changed.")
        return
    shell.say(f"iryo is set up in {home}", bold=True)
    for what, value in made.items():
        shell.say(f"  {what + ':':<12} {value}")
    if "secret" in made:
        shell.say(
            f"The secret is shown this once; it is also in {home / CREDENTIALS}, for you alone."
        )
    shell.say('\nNext:\n  iryo import FOLDER\n  iryo serve\n  eval "$(iryo env)"')


def serve(
    context: typer.Context,
    *,
    host: Annotated[
        str | None, typer.Option(help="The address to listen on; as the setting host.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="The port to listen on; as the setting port.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(help="How many processes answer; as the setting server_workers."),
    ] = None,
) -> None:
    """Serve over HTTP (and DIMSE, if dimse_port is set), and run jobs, until Ctrl-C."""
    from iryo import logs

    shell = shell_of(context)
    for name, value in (("host", host), ("port", port), ("server_workers", workers)):
        if value is not None:
            shell.flags[name] = value
    logs.set_up(logs.Form(shell.settings.log_level, shell.settings.log_format))
    from iryo.app import open_app
    from iryo.server import serve as serve_app
    from iryo.server.supervisor import supervise

    def ready(url: str, dimse: int | None = None, app: "App | None" = None) -> None:
        prefix = _program(shell)
        shell.say(f"iryo serves at {url}   (Ctrl-C ends it)", bold=True)
        if dimse is not None:
            settings = shell.settings
            how = " by TLS" if settings.dimse_tls else ""
            shell.say(f"and DICOM devices as {settings.ae_title} on port {dimse}{how}")
        shell.say(f'In another terminal:  eval "$({prefix} env --endpoint {url})"')
        shell.say("Then:                 aws medical-imaging list-datastores")
        if (link := first_link(shell, app)) is not None:
            shell.say("Nobody can sign in yet. This link lets the administrator in, once, within")
            shell.say(f"15 minutes:           {url}{link}")
        shell.out.file.flush()

    if shell.settings.server_workers > 1 or shell.settings.dimse_port is not None:
        supervise(shell.settings, ready=ready)
        return
    with open_app(shell.settings, serving=True) as app:
        serve_app(app, ready=lambda url: ready(url, app=app))


def first_link(shell: Shell, app: "App | None") -> str | None:
    """The path of a link for the first administrator; None if somebody can sign in already."""
    from dataclasses import replace

    from iryo.access.invitations import LINK_PATH
    from iryo.app import open_app

    try:
        if app is not None:
            token = app.sign_in.users.first_link()
        else:  # other processes serve: for a moment one that computes nothing stands beside them
            with open_app(replace(shell.settings, compute="inline")) as beside:
                token = beside.sign_in.users.first_link()
    except IryoError:
        return None  # who serves says what is wrong
    return None if token is None else LINK_PATH + token


def _program(shell: Shell) -> str:
    """How to call this program so that it finds the same home."""
    if shell.loaded.sources["home"] == "default":
        return "iryo"
    return f"iryo --home {shlex.quote(str(shell.settings.home))}"


def endpoint(settings: "Settings") -> str:
    """Where the server of these settings is reached from this machine."""
    scheme = "https" if settings.tls_certificate else "http"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{settings.port}"


def env(
    context: typer.Context,
    *,
    at: Annotated[
        str | None,
        typer.Option(
            "--endpoint", metavar="URL", help="Where the server is, if not where the settings say."
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Print the exports that point boto3 and the AWS CLI here: `eval "$(iryo env)"`."""
    shell = shell_of(context, json=json)
    path: Path = shell.settings.home / CREDENTIALS
    found = read_credentials(path)
    if found is None:
        raise NotFound(
            f"no credentials in {path}; `iryo init` writes them, and"
            " `iryo keys create NAME --save` replaces them"
        )
    key_id, secret = found
    values = {
        "AWS_ENDPOINT_URL": at or endpoint(shell.settings),
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        "AWS_ACCESS_KEY_ID": key_id,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_DEFAULT_REGION": shell.settings.region,
        "AWS_REGION": shell.settings.region,
    }
    if shell.json:
        shell.emit(values)
        return
    for name, value in values.items():
        typer.echo(f"export {name}={shlex.quote(value)}")
    # A session token of another account would be sent along, and refused.
    typer.echo("unset AWS_SESSION_TOKEN AWS_PROFILE")


def settings(context: typer.Context, *, json: JsonOption = False) -> None:
    """Print each setting, its value and where that comes from."""
    shell = shell_of(context, json=json)
    rows = shell.loaded.rows()
    if shell.json:
        shell.emit({name: {"value": value, "source": source} for name, value, source in rows})
        return
    shell.table(["Setting", "Value", "From"], rows)
