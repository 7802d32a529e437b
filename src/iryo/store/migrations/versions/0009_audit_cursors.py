"""How far the audit log has been sent on.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

from iryo.store.sql import Json, Ordered, Timestamp

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "access_audit_cursors",
        sa.Column("name", Ordered(64), primary_key=True),
        sa.Column("sent", sa.BigInteger, nullable=False),
        sa.Column("gaps", Json, nullable=False),
        sa.Column("holder", sa.String(64)),
        sa.Column("held_until", Timestamp, nullable=False),
    )
