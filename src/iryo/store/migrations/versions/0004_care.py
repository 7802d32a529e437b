"""Care of what is stored: checksums, damage, holds, retention, and what waits to be deleted.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

from iryo.store.sql import Json, Ordered, Timestamp

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables, and the columns of those that there are."""
    op.add_column("imaging_instances", sa.Column("stored_hash", sa.LargeBinary(16)))
    op.add_column("imaging_instances", sa.Column("damaged_at", Timestamp))
    op.add_column("imaging_staged", sa.Column("pack", Ordered(255)))
    op.create_index("ix_imaging_staged_pack", "imaging_staged", ["pack"])
    _totals()
    op.create_table(
        "imaging_damage",
        sa.Column("id", Ordered(32), primary_key=True),
        sa.Column("datastore_id", Ordered(32), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("image_set_id", Ordered(32)),
        sa.Column("version", sa.Integer),
        sa.Column("series_uid", Ordered()),
        sa.Column("instance_key", Ordered(26)),
        sa.Column("sop_instance_uid", Ordered()),
        sa.Column("frame", sa.Integer),
        sa.Column("object_key", Ordered(255)),
        sa.Column("found", sa.Text, nullable=False),
        sa.Column("expected", sa.Text, nullable=False),
        sa.Column("job_id", Ordered(32)),
        sa.Column("found_at", Timestamp, nullable=False),
        sa.Column("cleared_at", Timestamp),
        sa.Column("cleared_by", sa.String(256)),
    )
    op.create_index(
        "ix_imaging_damage_open", "imaging_damage", ["datastore_id", "cleared_at", "found_at"]
    )
    op.create_index("ix_imaging_damage_instance", "imaging_damage", ["instance_key"])
    op.create_table(
        "imaging_care_cursors",
        sa.Column("job_id", Ordered(32), primary_key=True),
        sa.Column("phase", sa.String(32), nullable=False),
        sa.Column("after", Json),
        sa.Column("counts", Json, nullable=False),
    )
    op.create_table(
        "imaging_retired",
        sa.Column("object_key", Ordered(255), primary_key=True),
        sa.Column("datastore_id", Ordered(32), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.String(16), nullable=False),
        sa.Column("retired_at", Timestamp, nullable=False),
        sa.Column("deleting", sa.Boolean, nullable=False),
    )
    op.create_index("ix_imaging_retired_at", "imaging_retired", ["retired_at"])
    op.create_table(
        "imaging_holds",
        sa.Column("id", Ordered(32), primary_key=True),
        sa.Column("datastore_id", Ordered(32), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("placed_by", sa.String(256), nullable=False),
        sa.Column("placed_at", Timestamp, nullable=False),
        sa.Column("released_by", sa.String(256)),
        sa.Column("released_at", Timestamp),
    )
    op.create_index("ix_imaging_holds_open", "imaging_holds", ["datastore_id", "released_at"])
    op.create_table(
        "imaging_retention",
        sa.Column("datastore_id", Ordered(32), primary_key=True),
        sa.Column("keep_days", sa.Integer, nullable=False),
        sa.Column("then_delete", sa.Boolean, nullable=False),
        sa.Column("set_by", sa.String(256), nullable=False),
        sa.Column("set_at", Timestamp, nullable=False),
    )


def _totals() -> None:
    """What each image set holds, so that a report of a million of them reads one index."""
    for name in ("frame_count", "source_bytes", "stored_bytes"):
        op.add_column(
            "imaging_image_sets",
            sa.Column(name, sa.BigInteger, nullable=False, server_default=sa.text("0")),
        )
    op.add_column(
        "imaging_image_sets",
        sa.Column("modality_code", Ordered(16), nullable=False, server_default=sa.text("''")),
    )
    op.execute(
        """
        UPDATE imaging_image_sets SET
            modality_code = coalesce(substr(modality, 1, 16), ''),
            frame_count = (SELECT coalesce(sum(i.frame_count), 0) FROM imaging_members m
                JOIN imaging_instances i ON i.key = m.instance_key
                WHERE m.image_set_id = imaging_image_sets.id AND m.last_version IS NULL),
            source_bytes = (SELECT coalesce(sum(i.source_size), 0) FROM imaging_members m
                JOIN imaging_instances i ON i.key = m.instance_key
                WHERE m.image_set_id = imaging_image_sets.id AND m.last_version IS NULL),
            stored_bytes = (SELECT coalesce(sum(i.stored_size), 0) FROM imaging_members m
                JOIN imaging_instances i ON i.key = m.instance_key
                WHERE m.image_set_id = imaging_image_sets.id AND m.last_version IS NULL)
        """
    )
    op.create_index(
        "ix_imaging_sets_storage",
        "imaging_image_sets",
        [
            "datastore_id",
            "state",
            "modality_code",
            "instance_count",
            "frame_count",
            "source_bytes",
            "stored_bytes",
            "version",
        ],
    )


def downgrade() -> None:
    """Drop them."""
    for table in (
        "imaging_retention",
        "imaging_holds",
        "imaging_retired",
        "imaging_care_cursors",
        "imaging_damage",
    ):
        op.drop_table(table)
    op.drop_index("ix_imaging_sets_storage", "imaging_image_sets")
    for name in ("modality_code", "stored_bytes", "source_bytes", "frame_count"):
        op.drop_column("imaging_image_sets", name)
    op.drop_index("ix_imaging_staged_pack", "imaging_staged")
    op.drop_column("imaging_staged", "pack")
    op.drop_column("imaging_instances", "damaged_at")
    op.drop_column("imaging_instances", "stored_hash")
