"""links that only set a new password; the history of one record without reading the whole chain."""

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("invitation", sa.Column("resets_password", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index("ix_audit_subject", "audit", ["subject_kind", "subject_id"])


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_audit_subject", "audit")
    op.drop_column("invitation", "resets_password")
