"""saved blocks, and images that go with an email

Revision: 0015
Follows: 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.create_table(
        "saved_block",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["created_by_id"],
            ["operator.id"],
            name=op.f("fk_saved_block_created_by_id_operator"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_block")),
        sa.UniqueConstraint("name", name=op.f("uq_saved_block_name")),
    )
    op.add_column(
        "campaign", sa.Column("attach_images", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column(
        "attachment", sa.Column("content_id", sa.String(length=170), nullable=False, server_default="")
    )


def downgrade() -> None:
    with op.batch_alter_table("attachment") as batch:
        batch.drop_column("content_id")
    with op.batch_alter_table("campaign") as batch:
        batch.drop_column("attach_images")
    op.drop_table("saved_block")
