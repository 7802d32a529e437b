"""Commands of the house's keeper: keys and audit."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from iryo.cli.roles import EVERYWHERE, ROLES, role_of, scope_of, tell_grants
from iryo.cli.setup import CREDENTIALS
from iryo.cli.shell import Shell, shell_of
from iryo.errors import Conflict, InvalidInput, NotFound
from iryo.imaging.cli.terminal import DatastoreOption, JsonOption

if TYPE_CHECKING:
    from iryo.access import AuditEvent, Key

__all__ = ["add_commands"]

_FOLLOW_SECONDS: Final = 1.0
_LATEST: Final = timedelta(seconds=10)

KeyArgument = Annotated[
    str, typer.Argument(metavar="KEY", help="The id of the key, its beginning, or its name.")
]
RoleOption = Annotated[
    str, typer.Option("--role", "-r", metavar="|".join(ROLES), help="What the key may do.")
]


def add_commands(program: typer.Typer) -> None:
    """Add the commands of this file."""
    keys = typer.Typer(no_args_is_help=True, help="Access keys: who may do what.")
    for name, command in (
        ("create", create),
        ("list", list_keys),
        ("token", token),
        ("grant", grant),
        ("revoke", revoke),
        ("disable", disable),
        ("delete", delete),
    ):
        keys.command(name)(command)
    program.add_typer(keys, name="keys")
    program.command("audit")(audit)


def _key(shell: Shell, text: str) -> "Key":
    known = shell.app.access.list_keys()
    for matches in (
        [one for one in known if one.id == text],
        [one for one in known if one.name == text],
        [one for one in known if len(text) > len("IRYO") and one.id.startswith(text)],
    ):
        if len(matches) == 1:
            return matches[0]
        if matches:
            ids = ", ".join(one.id for one in matches)
            raise InvalidInput(f"{text!r} means {len(matches)} keys: {ids}")
    raise NotFound(f"no access key {text!r}; `iryo keys list` lists them")


def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Whose key it is, or what for.")],
    *,
    role: RoleOption = "reader",
    datastore: DatastoreOption = None,
    save: Annotated[
        bool, typer.Option("--save", help="Write it to the credentials file that `iryo env` reads.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Make an access key. Its secret is shown once. Without --datastore it is for all of them."""
    from iryo.cli.credentials import write_credentials

    shell = shell_of(context, json=json)
    chosen, scope = role_of(role), scope_of(shell, datastore)
    with shell.audited("cli:keys.create", scope=scope, resource="") as made:
        key_id, secret = shell.app.access.create_key(name=name, role=chosen, scope=scope)
        made.resource = key_id
    if save:
        path = shell.settings.home / CREDENTIALS
        write_credentials(path, key_id, secret, shell.settings.region)
    if shell.json:
        shell.emit({"accessKeyId": key_id, "secretAccessKey": secret, "role": role, "scope": scope})
        return
    shell.say(f"access key: {key_id}\nsecret:     {secret}")
    shell.say("The secret is shown this once.")


def token(
    context: typer.Context,
    key: KeyArgument,
    *,
    hours: Annotated[
        float, typer.Option("--hours", help="How long it is good for: at most 744, a month.")
    ] = 12.0,
    json: JsonOption = False,
) -> None:
    """Issue a bearer token that stands for a key, for viewers and scripts that speak DICOMweb.

    It is good until its time has run out or the key is disabled.
    """
    shell = shell_of(context, json=json)
    found = _key(shell, key)
    with shell.audited("cli:keys.token", scope=EVERYWHERE, resource=found.id):
        if found.disabled_at is not None:
            raise Conflict(f"access key {found.id} is disabled")
        issued = shell.app.sign_in.tokens.issue(found.id, hours)
    if shell.json:
        shell.emit({"accessKeyId": found.id, "bearerToken": issued, "hours": hours})
    else:
        shell.say(issued)


def list_keys(context: typer.Context, *, json: JsonOption = False) -> None:
    """List the access keys and their roles; secrets are not shown."""
    shell = shell_of(context, json=json)
    with shell.audited("cli:keys.list", scope=EVERYWHERE, resource=""):
        found = shell.app.access.list_keys()
    if shell.json:
        for key in found:
            shell.emit(
                {
                    "accessKeyId": key.id,
                    "name": key.name,
                    "createdAt": key.created_at,
                    "disabledAt": key.disabled_at,
                    "grants": {scope: role.value for scope, role in key.grants.items()},
                }
            )
        return
    rows = [
        (
            key.id,
            key.name,
            tell_grants(shell, key.grants),
            f"{key.created_at:%Y-%m-%d %H:%M}",
            "disabled" if key.disabled_at else "valid",
        )
        for key in found
    ]
    shell.table(["Access key", "Name", "Roles", "Made (UTC)", "State"], rows)


def grant(
    context: typer.Context,
    key: KeyArgument,
    *,
    role: RoleOption,
    datastore: DatastoreOption = None,
) -> None:
    """Give a key a role, in one data store or in all; it replaces the role it has there."""
    shell = shell_of(context)
    chosen, scope, found = role_of(role), scope_of(shell, datastore), _key(shell, key)
    with shell.audited("cli:keys.grant", scope=scope, resource=found.id):
        shell.app.access.grant(found.id, chosen, scope)


def revoke(context: typer.Context, key: KeyArgument, *, datastore: DatastoreOption = None) -> None:
    """Take a key's role away, in one data store or the role that it has for all."""
    shell = shell_of(context)
    scope, found = scope_of(shell, datastore), _key(shell, key)
    with shell.audited("cli:keys.revoke", scope=scope, resource=found.id):
        shell.app.access.revoke(found.id, scope)


def disable(context: typer.Context, key: KeyArgument) -> None:
    """Refuse a key from now on; the audit can still name it."""
    shell = shell_of(context)
    found = _key(shell, key)
    with shell.audited("cli:keys.disable", scope=EVERYWHERE, resource=found.id):
        shell.app.access.disable(found.id)


def delete(context: typer.Context, key: KeyArgument) -> None:
    """Remove a key for good."""
    shell = shell_of(context)
    found = _key(shell, key)
    with shell.audited("cli:keys.delete", scope=EVERYWHERE, resource=found.id):
        shell.app.access.delete(found.id)


# ------------------------------------------------------------------------------------------ audit


def audit(  # noqa: PLR0913 - one parameter per option
    context: typer.Context,
    *,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="From then on: 2026-11-25, 2026-11-25T09:30, or 90m, 12h, 7d ago."
        ),
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Before then.")] = None,
    actor: Annotated[str | None, typer.Option(help="Only this access key, or cli:USER.")] = None,
    action: Annotated[
        str | None, typer.Option(help="Only this, such as medical-imaging:GetImageFrame.")
    ] = None,
    resource: Annotated[str | None, typer.Option(help="Only what was done to this id.")] = None,
    datastore: DatastoreOption = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 100,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what is yet to come, until Ctrl-C.")
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write all from before --until to a new file instead."),
    ] = None,
    prune: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Delete the rows that an exported file holds instead."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show who did what, when, from where, with what outcome; the newest last.

    With --export, all rows from before --until go into a file; with --prune, rows that such a file
    holds leave the database, after the file was read to its end and found whole. Keep the file for
    as long as your law wants an audit log kept. Nothing leaves by itself.
    """
    shell = shell_of(context, json=json)
    if export is not None or prune is not None:
        chosen = (since, actor, action, resource, datastore)
        if any(one is not None for one in chosen) or follow or None not in (export, prune):
            raise InvalidInput("--export goes with --until alone, and --prune with nothing else")
        if export is not None:
            _export(shell, export, until)
        elif prune is not None:
            _prune(shell, prune, until)
        return
    shell.app.audit.start()  # spools of processes that died are taken in
    shell.app.audit.flush()
    filters: dict[str, Any] = {
        "since": _instant(since),
        "until": _instant(until),
        "actor": actor,
        "action": action,
        "resource": resource,
        "scope": None if datastore is None else scope_of(shell, datastore),
    }
    with shell.audited("cli:audit", scope=filters["scope"] or EVERYWHERE, resource=""):
        newest = list(shell.app.audit.read(**filters, limit=limit))
    newest.reverse()
    for event in newest:
        _print_event(shell, event)
    if follow:
        for event in _following(shell, filters, newest):
            _print_event(shell, event)


def _export(shell: Shell, path: Path, until: str | None) -> None:
    from iryo.access import archive

    before = _instant(until)
    if before is None:
        raise InvalidInput("--export wants --until: what is written now goes on while it is read")
    shell.app.audit.start()
    shell.app.audit.flush()
    with shell.audited("cli:audit.export", scope=EVERYWHERE, resource="") as row:
        held = archive.export(shell.app.audit, path, before)
        row.resource = held.sha256
    if shell.json:
        shell.emit({"rows": held.rows, "sha256": held.sha256})
    else:
        shell.say(f"{held.rows:,} rows are in {path}, SHA-256 of them {held.sha256}")


def _prune(shell: Shell, path: Path, until: str | None) -> None:
    from datetime import UTC

    from iryo.access import AuditEvent, archive
    from iryo.store.ids import new_id

    if until is not None:
        raise InvalidInput("--prune deletes what its file holds, and takes no --until")
    event = AuditEvent(
        at=datetime.now(UTC),
        actor=shell.actor,
        action="cli:audit.prune",
        resource="",
        scope=EVERYWHERE,
        source="local",
        outcome="allowed",
        request_id=new_id(),
    )
    held, gone = archive.prune(
        shell.app.database,
        shell.app.audit,
        path,
        event,
        forwarded=shell.app.settings.audit_syslog is not None,
    )
    if shell.json:
        shell.emit({"rows": held.rows, "sha256": held.sha256, "removed": gone})
    else:
        shell.say(f"{gone:,} of {held.rows:,} rows are removed; keep {path}")


def _following(
    shell: Shell, filters: dict[str, Any], shown: list["AuditEvent"]
) -> Iterator["AuditEvent"]:
    """Events that come later. Processes hand theirs in seconds late, so a while is read again."""
    from datetime import UTC

    begin = filters["since"] or datetime.now(UTC)
    seen = {event.id: event.at for event in shown}
    while True:
        time.sleep(_FOLLOW_SECONDS)
        horizon = max([begin, *(at - _LATEST for at in seen.values())])
        seen = {number: at for number, at in seen.items() if at >= horizon}
        for event in shell.app.audit.read(**{**filters, "since": horizon}, oldest_first=True):
            if event.id not in seen:
                seen[event.id] = event.at
                yield event


def _print_event(shell: Shell, event: "AuditEvent") -> None:
    if shell.json:
        shell.emit(event.told())
    else:
        place = "/".join(part for part in (event.scope, event.resource) if part)
        typer.echo(
            f"{event.at:%Y-%m-%d %H:%M:%S}  {event.outcome:<8} {event.actor:<20} {event.action}"
            f"  {place}  from {event.source}"
        )


def _instant(text: str | None) -> datetime | None:
    from datetime import UTC

    if text is None:
        return None
    units = {"m": "minutes", "h": "hours", "d": "days"}
    if text[:-1].isdigit() and text[-1:] in units:
        return datetime.now(UTC) - timedelta(**{units[text[-1]]: int(text[:-1])})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(
            f"{text!r} is no time; expected 2026-11-25, 2026-11-25T09:30, or 90m, 12h, 7d for ago"
        ) from None
    return moment.astimezone(UTC)
