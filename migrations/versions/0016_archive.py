"""public archives of lists, and the language of a shared preview

Revision: 0016
Follows: 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    with op.batch_alter_table("list", schema=None) as batch_op:
        for name in ("has_archive", "archive_is_indexed"):
            batch_op.add_column(sa.Column(name, sa.Boolean(), server_default=sa.false(), nullable=False))
    for table in ("share_link", "comment"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(
                sa.Column("language", sa.String(length=16), server_default="", nullable=False)
            )


def downgrade() -> None:
    for table in ("comment", "share_link"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_column("language")
    with op.batch_alter_table("list", schema=None) as batch_op:
        batch_op.drop_column("archive_is_indexed")
        batch_op.drop_column("has_archive")
