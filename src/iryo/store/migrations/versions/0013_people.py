"""People: users, their roles, sessions, invitations, and attempts at passwords.

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

from iryo.store.sql import Ordered, Timestamp

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "access_users",
        sa.Column("id", Ordered(32), primary_key=True),
        sa.Column("name", Ordered(64), nullable=False),
        sa.Column("display_name", sa.String(256), nullable=False),
        sa.Column("language", sa.String(16), nullable=False),
        sa.Column("password", sa.String(255)),
        sa.Column("issuer", Ordered(512)),
        sa.Column("subject", Ordered(255)),
        sa.Column("created_at", Timestamp, nullable=False),
        sa.Column("disabled_at", Timestamp),
    )
    op.create_index("ix_access_users_name", "access_users", ["name"], unique=True)
    op.create_index("ix_access_users_subject", "access_users", ["issuer", "subject"], unique=True)
    op.create_table(
        "access_user_grants",
        sa.Column("user_id", Ordered(32), sa.ForeignKey("access_users.id"), primary_key=True),
        sa.Column("scope", Ordered(128), primary_key=True),
        sa.Column("role", sa.String(16), nullable=False),
    )
    op.create_table(
        "access_sessions",
        sa.Column("id", Ordered(64), primary_key=True),
        sa.Column("user_id", Ordered(32), sa.ForeignKey("access_users.id"), nullable=False),
        sa.Column("how", sa.String(16), nullable=False),
        sa.Column("source", sa.String(128), nullable=False),
        sa.Column("csrf", sa.String(64), nullable=False),
        sa.Column("begun_at", Timestamp, nullable=False),
        sa.Column("used_at", Timestamp, nullable=False),
        sa.Column("locked_at", Timestamp),
    )
    op.create_index("ix_access_sessions_user", "access_sessions", ["user_id", "begun_at"])
    op.create_index("ix_access_sessions_begun", "access_sessions", ["begun_at"])
    op.create_table(
        "access_invitations",
        sa.Column("id", Ordered(64), primary_key=True),
        sa.Column("user_id", Ordered(32), sa.ForeignKey("access_users.id"), nullable=False),
        sa.Column("until", Timestamp, nullable=False),
    )
    op.create_index("ix_access_invitations_user", "access_invitations", ["user_id"])
    op.create_index("ix_access_invitations_until", "access_invitations", ["until"])
    op.create_table(
        "access_attempts",
        sa.Column("id", Ordered(64), primary_key=True),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("last_at", Timestamp, nullable=False),
        sa.Column("until", Timestamp, nullable=False),
    )
    op.create_index("ix_access_attempts_last", "access_attempts", ["last_at"])
