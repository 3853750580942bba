"""text parts that the HTML has outgrown, and conversions that can be undone

Revision: 0006
Follows: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    with op.batch_alter_table("campaign", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("text_written_for", sa.String(length=64), server_default="", nullable=False)
        )
        batch_op.add_column(sa.Column("before_conversion", sa.Text(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("campaign", schema=None) as batch_op:
        batch_op.drop_column("before_conversion")
        batch_op.drop_column("text_written_for")
