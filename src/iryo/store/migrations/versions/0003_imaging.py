"""The tables of the imaging room.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

from iryo.store.sql import Json, Ordered, Timestamp

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "imaging_datastores",
        sa.Column("id", Ordered(32), primary_key=True),
        sa.Column("name", sa.String(256), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("lossless_format", sa.String(32), nullable=False),
        sa.Column("kms_key_arn", sa.String(512)),
        sa.Column("lambda_authorizer_arn", sa.String(512)),
        sa.Column("token", Ordered(64)),
        sa.Column("token_fingerprint", sa.String(64)),
        sa.Column("created_at", Timestamp, nullable=False),
        sa.Column("updated_at", Timestamp, nullable=False),
        sa.UniqueConstraint("token", name="uq_imaging_datastores_token"),
    )
    op.create_index("ix_imaging_datastores_created", "imaging_datastores", ["created_at", "id"])
    op.create_table(
        "imaging_tags",
        sa.Column("resource_arn", Ordered(512), primary_key=True),
        sa.Column("key", Ordered(128), primary_key=True),
        sa.Column("value", sa.String(256), nullable=False),
    )
    op.create_table(
        "imaging_instances",
        sa.Column("key", Ordered(26), primary_key=True),
        sa.Column(
            "datastore_id", Ordered(32), sa.ForeignKey("imaging_datastores.id"), nullable=False
        ),
        sa.Column("sop_instance_uid", Ordered(256), nullable=False),
        sa.Column("sop_class_uid", sa.String(256), nullable=False),
        sa.Column("source_syntax", sa.String(64), nullable=False),
        sa.Column("stored_syntax", sa.String(64)),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("pack", Ordered(255), nullable=False),
        sa.Column("header_offset", sa.BigInteger, nullable=False),
        sa.Column("header_length", sa.BigInteger, nullable=False),
        sa.Column("document_offset", sa.BigInteger, nullable=False),
        sa.Column("document_length", sa.BigInteger, nullable=False),
        sa.Column("residues", Json),
        sa.Column("frames", sa.LargeBinary, nullable=False),
        sa.Column("frame_count", sa.Integer, nullable=False),
        sa.Column("source_size", sa.BigInteger, nullable=False),
        sa.Column("stored_size", sa.BigInteger, nullable=False),
        sa.Column("warnings", Json),
        sa.Column("created_at", Timestamp, nullable=False),
    )
    op.create_index(
        "ix_imaging_instances_sop", "imaging_instances", ["datastore_id", "sop_instance_uid"]
    )
    op.create_index("ix_imaging_instances_pack", "imaging_instances", ["pack"])
    _image_sets()
    op.create_table(
        "imaging_versions",
        sa.Column(
            "image_set_id",
            Ordered(32),
            sa.ForeignKey("imaging_image_sets.id"),
            primary_key=True,
        ),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("state", Ordered(16), nullable=False),
        sa.Column("workflow_status", sa.String(40), nullable=False),
        sa.Column("is_primary", sa.Boolean, nullable=False),
        sa.Column("forced", sa.Boolean, nullable=False),
        sa.Column("message", sa.Text),
        sa.Column("document", sa.String(255), nullable=False),
        sa.Column("created_at", Timestamp, nullable=False),
        sa.Column("updated_at", Timestamp, nullable=False),
        sa.Column("deleted_at", Timestamp),
    )
    op.create_table(
        "imaging_members",
        sa.Column(
            "image_set_id",
            Ordered(32),
            sa.ForeignKey("imaging_image_sets.id"),
            primary_key=True,
        ),
        sa.Column(
            "instance_key", Ordered(26), sa.ForeignKey("imaging_instances.key"), primary_key=True
        ),
        sa.Column("first_version", sa.Integer, primary_key=True),
        sa.Column("last_version", sa.Integer),
        sa.Column("sop_instance_uid", Ordered(256), nullable=False),
    )
    op.create_index("ix_imaging_members_instance", "imaging_members", ["instance_key"])
    op.create_table(
        "imaging_terms",
        sa.Column("datastore_id", Ordered(32), primary_key=True),
        sa.Column("term", Ordered(64), primary_key=True),
        sa.Column(
            "image_set_id",
            Ordered(32),
            sa.ForeignKey("imaging_image_sets.id"),
            primary_key=True,
        ),
    )
    op.create_index("ix_imaging_terms_set", "imaging_terms", ["image_set_id"])
    op.create_table(
        "imaging_staged",
        sa.Column("job_id", Ordered(32), primary_key=True),
        sa.Column("sequence", sa.Integer, primary_key=True),
        sa.Column("input_file", Ordered(), nullable=False),
        sa.Column("file_hash", Ordered(32), nullable=False),
        sa.Column("outcome", Ordered(16), nullable=False),
        sa.Column("study_uid", Ordered()),
        sa.Column("series_uid", Ordered()),
        sa.Column("sop_instance_uid", Ordered()),
        sa.Column("identity", sa.String(64)),
        sa.Column("image_set_id", Ordered(32)),
        sa.Column("record", Json, nullable=False),
    )
    op.create_index("ix_imaging_staged_file", "imaging_staged", ["job_id", "file_hash"])
    op.create_index(
        "ix_imaging_staged_series",
        "imaging_staged",
        ["job_id", "outcome", "study_uid", "series_uid", "sequence"],
    )


def _image_sets() -> None:
    op.create_table(
        "imaging_image_sets",
        sa.Column("id", Ordered(32), primary_key=True),
        sa.Column(
            "datastore_id", Ordered(32), sa.ForeignKey("imaging_datastores.id"), nullable=False
        ),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("state", Ordered(16), nullable=False),
        sa.Column("workflow_status", sa.String(40), nullable=False),
        sa.Column("is_primary", sa.Boolean, nullable=False),
        sa.Column("identity", sa.String(64), nullable=False),
        sa.Column("instance_count", sa.Integer, nullable=False),
        sa.Column("message", sa.Text),
        sa.Column("locked_by", sa.String(32)),
        sa.Column("forced", sa.Boolean, nullable=False),
        sa.Column("created_at", Timestamp, nullable=False),
        sa.Column("updated_at", Timestamp, nullable=False),
        sa.Column("deleted_at", Timestamp),
        sa.Column("patient_id", Ordered()),
        sa.Column("patient_name", sa.Text),
        sa.Column("patient_birth_date", sa.Text),
        sa.Column("patient_sex", sa.Text),
        sa.Column("study_uid", Ordered(), nullable=False),
        sa.Column("study_id", Ordered()),
        sa.Column("study_description", sa.Text),
        sa.Column("accession_number", Ordered()),
        sa.Column("series_uid", Ordered(), nullable=False),
        sa.Column("modality", sa.Text),
        sa.Column("body_part", sa.Text),
        sa.Column("series_number", sa.Text),
        sa.Column("study_date", sa.Text),
        sa.Column("study_time", sa.Text),
        sa.Column("study_datetime", Ordered(32), nullable=False),
    )
    for name, column in (
        ("updated", "updated_at"),
        ("created", "created_at"),
        ("study_datetime", "study_datetime"),
    ):
        op.create_index(
            f"ix_imaging_sets_{name}", "imaging_image_sets", ["datastore_id", column, "id"]
        )
    for name, column in (
        ("patient", "patient_id"),
        ("accession", "accession_number"),
        ("study_id", "study_id"),
        ("study", "study_uid"),
        ("series", "series_uid"),
    ):
        op.create_index(f"ix_imaging_sets_{name}", "imaging_image_sets", ["datastore_id", column])
    op.create_index(
        "uq_imaging_sets_primary",
        "imaging_image_sets",
        ["datastore_id", "study_uid", "series_uid"],
        unique=True,
        sqlite_where=sa.text("is_primary = 1 AND state <> 'DELETED'"),
        postgresql_where=sa.text("is_primary AND state <> 'DELETED'"),
    )


def downgrade() -> None:
    """Drop them."""
    for table in (
        "imaging_staged",
        "imaging_terms",
        "imaging_members",
        "imaging_versions",
        "imaging_image_sets",
        "imaging_instances",
        "imaging_tags",
        "imaging_datastores",
    ):
        op.drop_table(table)
