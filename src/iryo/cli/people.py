"""Commands of the house's keeper: people and their sessions."""

import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from iryo.cli.roles import EVERYWHERE, ROLES, role_of, scope_of, tell_grants
from iryo.cli.setup import endpoint
from iryo.cli.shell import Shell, shell_of
from iryo.errors import InvalidInput, NotFound
from iryo.imaging.cli.terminal import DatastoreOption, JsonOption

if TYPE_CHECKING:
    from iryo.access.model import User
    from iryo.access.sessions import Session

__all__ = ["add_commands"]

_SHORT = 12  # characters of a session's id, in a table

UserArgument = Annotated[
    str, typer.Argument(metavar="USER", help="The name that they sign in with, or their id.")
]
RoleOption = Annotated[
    str | None,
    typer.Option("--role", "-r", metavar="|".join(ROLES), help="What they may do."),
]


def add_commands(program: typer.Typer) -> None:
    """Add the commands of this file."""
    users = typer.Typer(no_args_is_help=True, help="People who sign in at the pages.")
    for name, command in (
        ("list", list_users),
        ("invite", invite),
        ("password", password),
        ("grant", grant),
        ("revoke", revoke),
        ("disable", disable),
        ("enable", enable),
    ):
        users.command(name)(command)
    program.add_typer(users, name="users")
    sessions = typer.Typer(no_args_is_help=True, help="Browsers at which people have signed in.")
    sessions.command("list")(list_sessions)
    sessions.command("end")(end)
    program.add_typer(sessions, name="sessions")


# ----------------------------------------------------------------------------------------- people


def _user(shell: Shell, text: str) -> "User":
    users = shell.app.sign_in.users
    found = users.named(text)
    if found is None:
        found = next((one for one in users.list() if one.id == text), None)
    if found is None:
        raise NotFound(f"no user {text!r}; `iryo users list` lists them")
    return found


def _state(user: "User") -> str:
    if user.disabled_at is not None:
        return "disabled"
    if user.issuer is not None:
        return "by the provider"
    return "by password" if user.has_password else "invited"


def list_users(context: typer.Context, *, json: JsonOption = False) -> None:
    """List people, their roles, and how they sign in."""
    shell = shell_of(context, json=json)
    with shell.audited("cli:users.list", scope=EVERYWHERE, resource=""):
        found = shell.app.sign_in.users.list()
    if not shell.json:
        rows = [
            (one.name, one.display_name, tell_grants(shell, one.grants), _state(one), one.id)
            for one in found
        ]
        shell.table(["Name", "Shown as", "Roles", "Signs in", "Id"], rows)
        return
    for one in found:
        shell.emit(
            {
                "id": one.id,
                "name": one.name,
                "displayName": one.display_name,
                "language": one.language,
                "hasPassword": one.has_password,
                "issuer": one.issuer,
                "createdAt": one.created_at,
                "disabledAt": one.disabled_at,
                "grants": {scope: role.value for scope, role in one.grants.items()},
            }
        )


def invite(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What they will sign in with.")],
    *,
    role: RoleOption = None,
    datastore: DatastoreOption = None,
    shown: Annotated[str, typer.Option("--shown-as", help="Their name as others see it.")] = "",
    hours: Annotated[
        float, typer.Option(min=0.1, max=168, help="How long the link can be used.")
    ] = 24.0,
    at: Annotated[
        str | None,
        typer.Option(
            "--endpoint", metavar="URL", help="Where the server is, if not where the settings say."
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Print a link that lets somebody in once, to choose a password. It makes them if need be.

    For somebody who has forgotten their password it is the way back. Without --datastore the role
    is for all of them.
    """
    from iryo.access.invitations import LINK_PATH

    shell = shell_of(context, json=json)
    chosen = None if role is None else role_of(role)
    scope = scope_of(shell, datastore)
    with shell.audited("cli:users.invite", scope=scope, resource="") as row:
        user, token = shell.app.sign_in.users.invite(
            name, chosen, scope, display_name=shown, valid=timedelta(hours=hours)
        )
        row.resource = user.id
    link = (at or endpoint(shell.settings)).rstrip("/") + LINK_PATH + token
    if shell.json:
        shell.emit({"id": user.id, "name": user.name, "link": link, "hours": hours})
        return
    shell.say(link)
    shell.say(f"It lets whoever has it in as {user.name}, once, within {hours:g} hours.")


def password(
    context: typer.Context,
    user: UserArgument,
    *,
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Read it from the first line of standard input.")
    ] = False,
) -> None:
    """Give somebody a password of at least 12 characters; their sessions end."""
    shell = shell_of(context)
    found = _user(shell, user)
    if stdin:
        given = sys.stdin.readline().rstrip("\r\n")
    elif sys.stdin.isatty():
        given = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        raise InvalidInput("there is no terminal to ask at; --stdin reads the password")
    with shell.audited("cli:users.password", scope=EVERYWHERE, resource=found.id):
        shell.app.sign_in.users.set_password(found.id, given)


def grant(
    context: typer.Context,
    user: UserArgument,
    *,
    role: RoleOption = "reader",
    datastore: DatastoreOption = None,
) -> None:
    """Give somebody a role, in one data store or in all; it replaces the role they have there."""
    shell = shell_of(context)
    chosen, scope = role_of(role or ""), scope_of(shell, datastore)
    found = _user(shell, user)
    with shell.audited("cli:users.grant", scope=scope, resource=found.id):
        shell.app.sign_in.users.grant(found.id, chosen, scope)


def revoke(
    context: typer.Context, user: UserArgument, *, datastore: DatastoreOption = None
) -> None:
    """Take somebody's role away, in one data store or the role that they have for all."""
    shell = shell_of(context)
    scope, found = scope_of(shell, datastore), _user(shell, user)
    with shell.audited("cli:users.revoke", scope=scope, resource=found.id):
        shell.app.sign_in.users.revoke(found.id, scope)


def disable(context: typer.Context, user: UserArgument) -> None:
    """Let somebody in no more; their sessions end, and the audit can still name them."""
    shell = shell_of(context)
    found = _user(shell, user)
    with shell.audited("cli:users.disable", scope=EVERYWHERE, resource=found.id):
        shell.app.sign_in.users.disable(found.id)


def enable(context: typer.Context, user: UserArgument) -> None:
    """Let somebody in again who was disabled, with the roles that they have."""
    shell = shell_of(context)
    found = _user(shell, user)
    with shell.audited("cli:users.enable", scope=EVERYWHERE, resource=found.id):
        shell.app.sign_in.users.enable(found.id)


# --------------------------------------------------------------------------------------- sessions


def list_sessions(
    context: typer.Context,
    *,
    user: Annotated[
        str | None, typer.Option(metavar="USER", help="Only theirs: a name, or an id.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """List the browsers at which people have signed in, the newest first."""
    shell = shell_of(context, json=json)
    with shell.audited("cli:sessions.list", scope=EVERYWHERE, resource=""):
        only = None if user is None else _user(shell, user).id
        found = shell.app.sign_in.sessions.list(only)
    if not shell.json:
        columns = ["Session", "User", "From", "By", "Since (UTC)", "Used (UTC)", "State"]
        shell.table(columns, [_row(one) for one in found])
        return
    for one in found:
        shell.emit(
            {
                "id": one.id,
                "userId": one.user_id,
                "name": one.user.name,
                "source": one.source,
                "how": one.how,
                "begunAt": one.begun_at,
                "usedAt": one.used_at,
                "endsAt": one.ends_at,
                "locked": one.locked,
            }
        )


def _row(one: "Session") -> tuple[str, ...]:
    times = (f"{at:%Y-%m-%d %H:%M}" for at in (one.begun_at, one.used_at))
    state = "locked" if one.locked else "open"
    return one.id[:_SHORT], one.user.name, one.source, one.how, *times, state


def end(
    context: typer.Context,
    session: Annotated[
        str | None, typer.Argument(metavar="SESSION", help="The id of a session, or its beginning.")
    ] = None,
    *,
    user: Annotated[
        str | None, typer.Option(metavar="USER", help="All of theirs instead: a name, or an id.")
    ] = None,
) -> None:
    """Sign somebody out: at one browser, or at all of theirs."""
    if (session is None) == (user is None):
        raise InvalidInput("expected a session, or --user and whose sessions end")
    shell = shell_of(context)
    sessions = shell.app.sign_in.sessions
    if user is not None:
        found = _user(shell, user)
        with shell.audited("cli:sessions.end", scope=EVERYWHERE, resource=found.id):
            count = sessions.end_all(found.id)
        shell.say(f"{count} ended")
        return
    matches = [one for one in sessions.list() if one.id.startswith(session or " ")]
    if len(matches) != 1:
        raise NotFound(f"{session!r} means {len(matches)} sessions; `iryo sessions list` has them")
    with shell.audited("cli:sessions.end", scope=EVERYWHERE, resource=matches[0].user_id):
        sessions.end_one(matches[0].id)
