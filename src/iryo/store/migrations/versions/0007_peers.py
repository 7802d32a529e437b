"""Peers of DIMSE: who may connect, and whom we connect to.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

from iryo.store.sql import Json, Ordered, Timestamp

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "imaging_peers",
        sa.Column("ae_title", Ordered(16), primary_key=True),
        sa.Column(
            "datastore_id", Ordered(32), sa.ForeignKey("imaging_datastores.id"), nullable=False
        ),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("sources", Json, nullable=False),
        sa.Column("host", sa.String(255)),
        sa.Column("port", sa.Integer),
        sa.Column("tls", sa.Boolean, nullable=False),
        sa.Column("any_class", sa.Boolean, nullable=False),
        sa.Column("created_at", Timestamp, nullable=False),
    )
    op.create_index("ix_imaging_peers_datastore", "imaging_peers", ["datastore_id"])
