"""versions of drafts, and who is writing one

Revision: 0009
Follows: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"

JSON = sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql")
MOMENT = sa.DateTime(timezone=True)
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "draft_version",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=100), server_default="", nullable=False),
        sa.Column("operator_id", sa.Integer(), nullable=True),
        sa.Column("author", sa.String(length=320), server_default="", nullable=False),
        sa.Column("tab", sa.String(length=36), server_default="", nullable=False),
        sa.Column("saved_as", sa.Integer(), nullable=False),
        sa.Column("changed", JSON, nullable=False),
        sa.Column("began_at", MOMENT, nullable=False),
        sa.Column("saved_at", MOMENT, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["campaign.id"],
            name=op.f("fk_draft_version_campaign_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["operator_id"],
            ["operator.id"],
            name=op.f("fk_draft_version_operator_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_draft_version")),
        sa.UniqueConstraint("campaign_id", "number", name=op.f("uq_draft_version_campaign_id")),
    )
    op.create_index(op.f("ix_draft_version_operator_id"), "draft_version", ["operator_id"])
    op.create_table(
        "editing",
        sa.Column("campaign_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("operator_id", sa.Integer(), nullable=False),
        sa.Column("tab", sa.String(length=36), nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.Column("active_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f("fk_editing_campaign_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["operator_id"], ["operator.id"], name=op.f("fk_editing_operator_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("campaign_id", name=op.f("pk_editing")),
    )
    op.create_index(op.f("ix_editing_operator_id"), "editing", ["operator_id"])
    with op.batch_alter_table("campaign", schema=None) as batch_op:
        batch_op.add_column(sa.Column("changed_in", JSON, server_default="{}", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("campaign", schema=None) as batch_op:
        batch_op.drop_column("changed_in")
    op.drop_index(op.f("ix_editing_operator_id"), table_name="editing")
    op.drop_table("editing")
    op.drop_index(op.f("ix_draft_version_operator_id"), table_name="draft_version")
    op.drop_table("draft_version")
