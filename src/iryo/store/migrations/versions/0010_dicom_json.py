"""Where the metadata of a version is kept as DICOM JSON.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the column."""
    op.add_column("imaging_versions", sa.Column("dicom_json", sa.String(255)))
