"""The tables of keys, grants and the audit log."""

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

from iryo.store.sql import Json, Ordered, Timestamp, metadata

__all__ = ["audit", "cursors", "grants", "keys", "spools"]

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
