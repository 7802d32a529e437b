"""What senders bring: arrivals, between the inbox and the packs.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

from iryo.store.sql import Json, Ordered, Timestamp

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TABLE = "imaging_arrivals"


def upgrade() -> None:
    """Make the table and its indexes."""
    op.create_table(
        _TABLE,
        sa.Column("id", Ordered(32), primary_key=True),
        sa.Column(
            "datastore_id", Ordered(32), sa.ForeignKey("imaging_datastores.id"), nullable=False
        ),
        sa.Column("reception", Ordered(32), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("object_key", Ordered(255)),
        sa.Column("offset", sa.BigInteger, nullable=False),
        sa.Column("length", sa.BigInteger, nullable=False),
        sa.Column("study_uid", Ordered(), nullable=False),
        sa.Column("series_uid", Ordered(), nullable=False),
        sa.Column("sop_instance_uid", Ordered(256), nullable=False),
        sa.Column("sop_class_uid", sa.String(256), nullable=False),
        sa.Column("transfer_syntax", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("source", sa.String(128), nullable=False),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("received_at", Timestamp, nullable=False),
        sa.Column("outcome", Ordered(16), nullable=False),
        sa.Column("job_id", Ordered(32)),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("image_set_id", Ordered(32)),
        sa.Column("record", Json),
        sa.Column("settled_at", Timestamp),
    )
    for name, columns in (
        ("waiting", ["outcome", "datastore_id", "received_at"]),
        ("job", ["job_id", "outcome"]),
        ("reception", ["reception", "number"]),
        ("object", ["object_key"]),
        ("sop", ["datastore_id", "sop_instance_uid"]),
    ):
        op.create_index(f"ix_imaging_arrivals_{name}", _TABLE, columns)
