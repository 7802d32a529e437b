"""Access keys, what they may do, and the audit log."""

from typing import Final

import sqlalchemy as sa
from alembic import op

from iryo.store.sql import Ordered

revision: Final = "0002"
down_revision: Final = "0001"


def upgrade() -> None:
    op.create_table(
        "access_keys",
        sa.Column("id", Ordered(32), nullable=False),
        sa.Column("name", sa.String(256), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("disabled_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_access_keys"),
    )
    op.create_table(
        "access_grants",
        sa.Column("key_id", Ordered(32), nullable=False),
        sa.Column("scope", Ordered(128), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("key_id", "scope", name="pk_access_grants"),
        sa.ForeignKeyConstraint(
            ["key_id"], ["access_keys.id"], name="fk_access_grants_key_id_access_keys"
        ),
    )
    op.create_table(
        "access_audit",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", Ordered(128), nullable=False),
        sa.Column("action", sa.String(128), nullable=False),
        sa.Column("resource", Ordered(512), nullable=False),
        sa.Column("scope", Ordered(128), nullable=False),
        sa.Column("source", sa.String(128), nullable=False),
        sa.Column("outcome", sa.String(64), nullable=False),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("detail", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_access_audit"),
        sa.Index("ix_access_audit_at", "at", "id"),
        sa.Index("ix_access_audit_actor", "actor", "at", "id"),
        sa.Index("ix_access_audit_resource", "resource", "at", "id"),
        sa.Index("ix_access_audit_scope", "scope", "at", "id"),
    )
    op.create_table(
        "access_audit_spools",
        sa.Column("name", Ordered(64), nullable=False),
        sa.Column("drained", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_access_audit_spools"),
    )
