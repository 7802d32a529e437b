"""Jobs and the outbox of events."""

from typing import Final

import sqlalchemy as sa
from alembic import op

from iryo.store.sql import Ordered

revision: Final = "0001"
down_revision: Final = None


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", Ordered(32), nullable=False),
        sa.Column("kind", Ordered(64), nullable=False),
        sa.Column("scope", Ordered(128), nullable=False),
        sa.Column("token", Ordered(128)),
        sa.Column("state", Ordered(16), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("result", sa.Text()),
        sa.Column("message", sa.Text()),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger()),
        sa.Column("best", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("strikes", sa.Integer(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(128)),
        sa.Column("due_at", sa.BigInteger()),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger()),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sa.UniqueConstraint("kind", "scope", "token", name="uq_jobs_kind_scope_token"),
        sa.Index("ix_jobs_due", "kind", "due_at", "id"),
        sa.Index("ix_jobs_created", "kind", "scope", "created_at", "id"),
        sa.Index("ix_jobs_newest", "created_at", "id"),
        sa.Index("ix_jobs_state", "kind", "scope", "state", "created_at", "id"),
    )
    op.create_table(
        "jobs_counters",
        sa.Column("name", Ordered(32), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_jobs_counters"),
    )
    op.create_table(
        "jobs_events",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(256), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_jobs_events"),
    )
    op.create_table(
        "jobs_event_consumers",
        sa.Column("name", Ordered(64), nullable=False),
        sa.Column("acknowledged", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_jobs_event_consumers"),
    )
