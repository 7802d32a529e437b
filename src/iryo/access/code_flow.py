"""Signing in at an OpenID provider: the authorization code flow (OpenID Connect Core 1.0, 3.1).

With PKCE (RFC 7636), a state and a nonce. What must be remembered until the person comes back is
sealed by the key file and kept by their browser: so any process may go on, and none keeps anything.
"""

import hashlib
import hmac
import json
import re
import secrets
import time
import urllib.error
import urllib.request
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote, urlencode

from iryo.access.audit import Audit
from iryo.access.keys import Access
from iryo.access.model import EVERYWHERE, AuditEvent, Role, User
from iryo.access.oidc import Endpoints, Provider
from iryo.access.users import Users
from iryo.errors import Conflict, Damaged, InvalidInput, NotAuthenticated, Unavailable
from iryo.store.ids import new_id

__all__ = ["RETURN_PATH", "Client", "CodeFlow", "post_form"]

RETURN_PATH: Final = "/sign-in/oidc/return"
"""Where the provider sends people back to."""

_PURPOSE: Final = "sign in at the provider"
_SCOPE: Final = "openid profile email"
_MINUTES: Final = 10  # between leaving for the provider and coming back
_FRESH: Final = 300  # seconds since the person proved themselves, where that is asked for anew
_TIMEOUT: Final = 10.0  # seconds
_LARGEST: Final = 1 << 20  # bytes
_LONGEST_RETURN: Final = 2000  # characters
_ERROR: Final = re.compile(r"[a-z_]{1,64}")
_NO_NAME: Final = re.compile(r"[^a-z0-9._@+-]+")
_SCOPES: Final = re.compile(r"[!-~]{1,128}")

Post = Callable[[str, Mapping[str, str], Mapping[str, str]], Any]
"""(URL, form, headers) -> the JSON of the answer."""


@dataclass(frozen=True, slots=True)
class Client:
    """What this installation is to the provider; without a secret it is a public client."""

    id: str
    secret: str | None = field(repr=False)


class CodeFlow:
    """Signs people in at a provider.

    Args:
        provider: which.
        client: what we are to it.
        access: of the installation, whose key file seals.
        users: who gets signed in.
        audit: where it is noted what changes of people.
        post: sends a form.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        provider: Provider,
        client: Client,
        access: Access,
        users: Users,
        audit: Audit,
        *,
        post: Post | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._provider = provider
        self._client = client
        self._access = access
        self._users = users
        self._audit = audit
        self._post = post or post_form
        self._clock = clock

    def begin(self, return_to: str, redirect_uri: str, *, again: bool = False) -> tuple[str, str]:
        """Where to send a person, and what their browser keeps meanwhile.

        Args:
            return_to: the path that they want to see when they are back.
            redirect_uri: the absolute URL of RETURN_PATH, as the provider knows it.
            again: they must prove themselves anew, though the provider knows them: to unlock.

        Returns:
            A URL, and a sealed text for a cookie (SameSite=Lax, for the way back leads from the
            provider here).

        Raises:
            Unavailable: the provider is away.
        """
        verifier = secrets.token_urlsafe(48)
        held = {
            "state": secrets.token_urlsafe(32),
            "nonce": secrets.token_urlsafe(32),
            "verifier": verifier,
            "return_to": return_to if len(return_to) <= _LONGEST_RETURN else "/",
            "redirect_uri": redirect_uri,
            "again": again,
            "until": int(self._clock()) + _MINUTES * 60,
        }
        challenge = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
        asked = {
            "response_type": "code",
            "client_id": self._client.id,
            "redirect_uri": redirect_uri,
            "scope": _SCOPE,
            "state": held["state"],
            "nonce": held["nonce"],
            "code_challenge": challenge.decode(),
            "code_challenge_method": "S256",
        }
        if again:  # OpenID Connect Core 3.1.2.1
            asked |= {"prompt": "login", "max_age": "0"}
        where = self._provider.endpoints().authorization
        url = f"{where}{'&' if '?' in where else '?'}{urlencode(asked)}"
        return url, self._access.seal(json.dumps(held), _PURPOSE)

    def finish(self, sealed: str, query: Mapping[str, str], source: str) -> tuple[User, str]:
        """Who has come back, and the path that they want to see.

        Somebody who was never here is made a user, of what the provider claims. If it claims roles,
        they are the person's from now on; if it says nothing of roles, those given here stay.

        Args:
            sealed: what their browser kept.
            query: of the URL that they came back to: ``state`` and ``code``, or ``error``.
            source: the address that they come from.

        Raises:
            NotAuthenticated: the provider, or what they bring, does not prove who they are; or they
                are disabled here.
            Unavailable: the provider is away.
        """
        try:
            held = self._held(sealed, query)
            claims = self._claims(held, self._exchange(held, query["code"]))
        except NotAuthenticated:
            self._users.note_refusal("", source, "provider")
            raise
        user = self._user(claims, source)
        if user.disabled_at is not None:
            self._users.note_refusal(user.id, source, "disabled")
            raise NotAuthenticated("found a user who is disabled")
        return user, str(held["return_to"])

    # ------------------------------------------------------------------------------- the code

    def _held(self, sealed: str, query: Mapping[str, str]) -> dict[str, Any]:
        try:
            held: dict[str, Any] = json.loads(self._access.unseal(sealed, _PURPOSE))
        except Damaged:
            raise _refused("the browser did not bring what it was given before") from None
        if held["until"] < self._clock():
            raise _refused(f"it took more than {_MINUTES} minutes")
        state = query.get("state", "")
        if not hmac.compare_digest(held["state"].encode(), state.encode("utf-8", "replace")):
            raise _refused("it was begun in another window")
        if query.get("iss", self._provider.issuer) != self._provider.issuer:  # RFC 9207 2.4
            raise _refused("another provider has sent the person back")
        if "error" in query:
            raise _refused(f"the provider says {_word(query['error'])}")
        if not query.get("code"):
            raise _refused("the provider gave no code")
        return held

    def _exchange(self, held: Mapping[str, Any], code: str) -> str:
        """The ID token that a code is worth (RFC 6749 4.1.3)."""
        client, where = self._client, self._provider.endpoints()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": str(held["redirect_uri"]),
            "code_verifier": str(held["verifier"]),
            "client_id": client.id,
        }
        headers = {"accept": "application/json"}
        if client.secret is not None:
            _prove(client.id, client.secret, where, form, headers)
        answer = self._post(where.token, form, headers)
        token = answer.get("id_token") if isinstance(answer, dict) else None
        if isinstance(token, str):
            return token
        error = answer.get("error") if isinstance(answer, dict) else None
        if error is None:
            raise Unavailable("the OpenID provider's answer has no id_token")
        raise _refused(f"the provider says {_word(error)}")

    def _claims(self, held: Mapping[str, Any], token: str) -> dict[str, Any]:
        """What an ID token says that is for us, and for this very sign-in (Core 3.1.3.7)."""
        claims = self._provider.claims(token, self._client.id)
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", None if several else self._client.id) != self._client.id:
            raise _refused("the ID token is for another client")
        nonce = str(claims.get("nonce", ""))
        if not hmac.compare_digest(nonce.encode("utf-8", "replace"), held["nonce"].encode()):
            raise _refused("the ID token is for another sign-in")
        if held["again"]:
            proven = claims.get("auth_time")
            if not isinstance(proven, int) or self._clock() - proven > _FRESH:
                raise _refused("the provider did not ask the person again who they are")
        return claims

    # ------------------------------------------------------------------------------ the person

    def _user(self, claims: Mapping[str, Any], source: str) -> User:
        issuer, subject = self._provider.issuer, str(claims["sub"])
        if not 0 < len(subject) <= 255 or not subject.isprintable():
            raise _refused("the subject is no text of 1 to 255 characters")
        user = self._users.by_subject(issuer, subject) or self._made(claims, subject, source)
        claimed = self._provider.grants(claims)
        if claimed is not None:
            grants = {scope: role for scope, role in claimed.items() if _SCOPES.fullmatch(scope)}
            if grants != dict(user.grants):
                self._users.regrant(user.id, grants)
                self._note("GrantUser", user.id, source, grants)
                user = self._users.find(user.id)
        return user

    def _made(self, claims: Mapping[str, Any], subject: str, source: str) -> User:
        """A new user, whose name nobody has: where one has it, it is not this person."""
        known_as = self._provider.issuer, subject
        digest = hashlib.sha256(repr(known_as).encode("utf-8", "replace")).hexdigest()
        language = str(claims.get("locale", "")).lower().replace("_", "-").partition("-")[0]
        for name in (_name(claims), f"oidc-{digest[:16]}"):
            shown = str(claims.get("name", "")).strip()[:256]
            try:
                user = self._users.create(
                    name,
                    display_name=shown if shown.isprintable() else "",
                    language=language if language in {"en", "ja"} else "",
                    known_as=known_as,
                )
            except InvalidInput:
                continue  # it has no name that could be one here
            except Conflict:
                found = self._users.by_subject(*known_as)
                if found is not None:  # they came by two windows at once
                    return found
                continue
            self._note("CreateUser", user.id, source, {})
            return user
        raise Conflict("there is a user of this name already, whom the provider does not know")

    def _note(self, action: str, user_id: str, source: str, grants: Mapping[str, Role]) -> None:
        self._audit.record(
            AuditEvent(
                at=datetime.now(UTC),
                actor=user_id,
                action=action,
                resource=user_id,
                scope=EVERYWHERE,
                source=source,
                outcome="allowed",
                request_id=new_id(),
                detail={scope: role.value for scope, role in grants.items()},
            )
        )


def post_form(url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> Any:
    """Send a form; the JSON of the answer, also of one that says what was wrong with it.

    Raises:
        Unavailable: there is no answer of at most 1 MiB within 10 seconds.
    """
    data = urlencode(form).encode()
    request = urllib.request.Request(url, data, dict(headers), method="POST")  # noqa: S310 - checked
    try:
        try:
            with _OPENER.open(request, timeout=_TIMEOUT) as answer:
                told = answer.read(_LARGEST + 1)
        except urllib.error.HTTPError as error:
            with error:
                if error.code not in {400, 401}:  # RFC 6749 5.2
                    raise
                told = error.read(_LARGEST + 1)
        if len(told) > _LARGEST:
            raise ValueError
        return json.loads(told)
    except (OSError, ValueError) as error:
        raise Unavailable(f"the OpenID provider does not answer: {type(error).__name__}") from None


class _Stay(urllib.request.HTTPRedirectHandler):
    """A code and a secret go to whom they are for, and nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        """Never."""


_OPENER: Final = urllib.request.build_opener(_Stay)


def _prove(
    client_id: str, secret: str, where: Endpoints, form: dict[str, str], headers: dict[str, str]
) -> None:
    """Put a client's secret where the provider wants it (RFC 6749 2.3.1)."""
    if where.basic:
        pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"
        headers["authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
    else:
        form["client_secret"] = secret


def _name(claims: Mapping[str, Any]) -> str:
    """What the person signs in with at the provider, as far as it can be a name here."""
    given = claims.get("preferred_username") or claims.get("email") or ""
    return _NO_NAME.sub("-", str(given).strip().lower()).strip("-._@+")[:64]


def _word(error: object) -> str:
    return error if isinstance(error, str) and _ERROR.fullmatch(error) else "that it failed"


def _refused(why: str) -> NotAuthenticated:
    return NotAuthenticated(f"signing in at the provider failed: {why}")
