"""Ways to what waits: by who has sent it, and by study.

Revision ID: 0011
Revises: 0010
"""

from alembic import op

from iryo.store.sql import Ordered

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_TABLE = "imaging_arrivals"


def upgrade() -> None:
    """Make the indexes."""
    if op.get_bind().dialect.name == "postgresql":  # SQLite has one order for all text
        op.alter_column(_TABLE, "actor", type_=Ordered(128))
    for name, columns in (
        ("actor", ["outcome", "datastore_id", "actor", "received_at"]),
        ("study", ["outcome", "datastore_id", "study_uid"]),
    ):
        op.create_index(f"ix_imaging_arrivals_{name}", _TABLE, columns)
