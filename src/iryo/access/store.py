"""The tables of keys, people, grants, sessions and the audit log."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
)

from iryo.store.references import PASSING
from iryo.store.sql import Json, Ordered, Timestamp, metadata

__all__ = [
    "attempts",
    "audit",
    "cursors",
    "grants",
    "invitations",
    "keys",
    "sessions",
    "spools",
    "user_grants",
    "users",
]

# `sealed`: the secret, encrypted (see keyfile.py).
keys = Table(
    "access_keys",
    metadata,
    Column("id", Ordered(32), primary_key=True),
    Column("name", String(256), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("disabled_at", Timestamp),
)

grants = Table(
    "access_grants",
    metadata,
    Column("key_id", Ordered(32), ForeignKey("access_keys.id"), primary_key=True),
    Column("scope", Ordered(128), primary_key=True),
    Column("role", String(16), nullable=False),
)

# `name`: what one signs in with, in lower case. `password`: as argon2 writes it; None: there is
# none. `issuer`, `subject`: who this is to an OpenID provider. `language`: empty, none was chosen.
users = Table(
    "access_users",
    metadata,
    Column("id", Ordered(32), primary_key=True),
    Column("name", Ordered(64), nullable=False),
    Column("display_name", String(256), nullable=False),
    Column("language", String(16), nullable=False),
    Column("password", String(255)),
    Column("issuer", Ordered(512)),
    Column("subject", Ordered(255)),
    Column("created_at", Timestamp, nullable=False),
    Column("disabled_at", Timestamp),
    Index("ix_access_users_name", "name", unique=True),
    Index("ix_access_users_subject", "issuer", "subject", unique=True),
)

user_grants = Table(
    "access_user_grants",
    metadata,
    Column("user_id", Ordered(32), ForeignKey("access_users.id"), primary_key=True),
    Column("scope", Ordered(128), primary_key=True),
    Column("role", String(16), nullable=False),
)

# `id`: the SHA-256 of the token, which nobody but the browser has. A session is over 12 hours after
# `begun_at`; `used_at` is written once a minute at most.
sessions = Table(
    "access_sessions",
    metadata,
    Column("id", Ordered(64), primary_key=True),
    Column("user_id", Ordered(32), ForeignKey("access_users.id"), nullable=False),
    Column("how", String(16), nullable=False),
    Column("source", String(128), nullable=False),
    Column("csrf", String(64), nullable=False),
    Column("begun_at", Timestamp, nullable=False),
    Column("used_at", Timestamp, nullable=False),
    Column("locked_at", Timestamp),
    Index("ix_access_sessions_user", "user_id", "begun_at"),
    Index("ix_access_sessions_begun", "begun_at"),
    info=dict(PASSING),
)

# Links that let a person in once; `id`: the SHA-256 of what stands in the link.
invitations = Table(
    "access_invitations",
    metadata,
    Column("id", Ordered(64), primary_key=True),
    Column("user_id", Ordered(32), ForeignKey("access_users.id"), nullable=False),
    Column("until", Timestamp, nullable=False),
    Index("ix_access_invitations_user", "user_id"),
    Index("ix_access_invitations_until", "until"),
    info=dict(PASSING),
)

# Passwords that were tried, by the digest of a name and of an address: how many in a row, and until
# when no other is looked at.
attempts = Table(
    "access_attempts",
    metadata,
    Column("id", Ordered(64), primary_key=True),
    Column("tries", Integer, nullable=False),
    Column("last_at", Timestamp, nullable=False),
    Column("until", Timestamp, nullable=False),
    Index("ix_access_attempts_last", "last_at"),
    info=dict(PASSING),
)

# Rows are added and read, never changed. SQLite numbers rows by itself only if they are INTEGER.
audit = Table(
    "access_audit",
    metadata,
    Column(
        "id",
        BigInteger().with_variant(Integer(), "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
    Column("at", Timestamp, nullable=False),
    Column("actor", Ordered(128), nullable=False),
    Column("action", String(128), nullable=False),
    Column("resource", Ordered(512), nullable=False),
    Column("scope", Ordered(128), nullable=False),
    Column("source", String(128), nullable=False),
    Column("outcome", String(64), nullable=False),
    Column("request_id", String(64), nullable=False),
    Column("detail", Json),
    Index("ix_access_audit_at", "at", "id"),
    Index("ix_access_audit_actor", "actor", "at", "id"),
    Index("ix_access_audit_resource", "resource", "at", "id"),
    Index("ix_access_audit_scope", "scope", "at", "id"),
)

# How many bytes of a spool file are in `audit` already: raised in the same transaction.
spools = Table(
    "access_audit_spools",
    metadata,
    Column("name", Ordered(64), primary_key=True),
    Column("drained", BigInteger, nullable=False),
)

# Up to which row the audit log has been sent on, and who sends it now. `gaps`: numbers below
# `sent` whose rows had not come: [first, last, microseconds of when that was seen].
cursors = Table(
    "access_audit_cursors",
    metadata,
    Column("name", Ordered(64), primary_key=True),
    Column("sent", BigInteger, nullable=False),
    Column("gaps", Json, nullable=False),
    Column("holder", String(64)),
    Column("held_until", Timestamp, nullable=False),
)
