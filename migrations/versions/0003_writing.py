"""ways to write an email

Revision: 0003
Follows: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    with op.batch_alter_table("campaign", schema=None) as batch_op:
        batch_op.add_column(sa.Column("format", sa.String(length=32), server_default="html", nullable=False))
        batch_op.add_column(sa.Column("written", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("campaign", schema=None) as batch_op:
        batch_op.drop_column("written")
        batch_op.drop_column("format")
