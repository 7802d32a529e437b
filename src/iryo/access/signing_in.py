"""Put together what lets people in, from what the settings say."""

from dataclasses import dataclass
from datetime import timedelta

from iryo.access.audit import Audit
from iryo.access.bearer import BearerTokens
from iryo.access.code_flow import Client, CodeFlow
from iryo.access.cookies import Visitors
from iryo.access.credentials import Credentials
from iryo.access.keys import Access
from iryo.access.oidc import Provider
from iryo.access.sessions import Sessions
from iryo.access.users import Users
from iryo.errors import InvalidInput
from iryo.settings import Settings
from iryo.store.sql import Database

__all__ = ["SignIn", "open_sign_in"]


@dataclass(frozen=True)
class SignIn:
    """Who people are, at which browsers they have signed in, and who sends a request.

    Attributes:
        users: people.
        sessions: where they have signed in.
        visitors: says who sends a request with a session's cookie.
        tokens: bearer tokens of our own, which stand for access keys.
        credentials: says who sends a request with an Authorization header.
        flow: signs people in at an OpenID provider; None: there is none.
    """

    users: Users
    sessions: Sessions
    visitors: Visitors
    tokens: BearerTokens
    credentials: Credentials
    flow: CodeFlow | None


def open_sign_in(settings: Settings, database: Database, access: Access, audit: Audit) -> SignIn:
    """What lets people in, as one process has it.

    Raises:
        InvalidInput: the settings of the OpenID provider are not safe, or not whole.
    """
    users = Users(database, access.signing_secret("attempts to sign in"), audit)
    idle = timedelta(minutes=settings.session_idle)
    sessions = Sessions(database, users, audit, idle=idle)
    tls = settings.tls_certificate is not None or settings.behind_proxy
    tokens = BearerTokens(access.signing_secret("bearer tokens"))
    provider, client = _provider(settings)
    return SignIn(
        users,
        sessions,
        Visitors(sessions, secure=tls, behind_proxy=settings.behind_proxy),
        tokens,
        # Where others could listen an access key must not come as it is.
        Credentials(access, tokens, provider, basic=settings.loopback or tls),
        CodeFlow(provider, client, access, users, audit) if provider and client else None,
    )


def _provider(settings: Settings) -> tuple[Provider | None, Client | None]:
    """The provider, and what we are to it, as far as the settings have them."""
    issuer, audience = settings.oidc_issuer, settings.oidc_audience
    if issuer is None:
        if settings.oidc_client_id is not None:
            raise InvalidInput("oidc_client_id is set, and oidc_issuer is not", where="oidc_issuer")
        return None, None
    if settings.oidc_client_id is None:
        if audience is None:
            raise InvalidInput(
                "oidc_issuer is set, and neither oidc_audience nor oidc_client_id is",
                where="oidc_audience",
            )
        return Provider(issuer, audience, settings.oidc_roles_claim), None
    client = Client(settings.oidc_client_id, settings.oidc_client_secret)
    return Provider(issuer, audience, settings.oidc_roles_claim), client
