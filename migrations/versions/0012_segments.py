"""segments, tags, options of fields, whom a campaign leaves out

Revision: 0012
Follows: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"

_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_NAMED_BY_CAMPAIGNS = (
    ("campaign_excluded_list", "list", "CASCADE"),
    ("campaign_segment", "segment", None),
    ("campaign_excluded_segment", "segment", None),
)


def upgrade() -> None:
    op.add_column("field", sa.Column("options", _JSON, nullable=False, server_default="[]"))
    op.create_table(
        "tag",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tag")),
        sa.UniqueConstraint("key", name=op.f("uq_tag_key")),
    )
    op.create_table(
        "person_tag",
        sa.Column("tag_id", sa.Integer(), nullable=False),
        sa.Column("subscriber_id", _BIG_ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["tag_id"], ["tag.id"], name=op.f("fk_person_tag_tag_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscriber.id"],
            name=op.f("fk_person_tag_subscriber_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tag_id", "subscriber_id", name=op.f("pk_person_tag")),
    )
    op.create_index(op.f("ix_person_tag_subscriber_id"), "person_tag", ["subscriber_id"])
    op.create_table(
        "segment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("rule", _JSON, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("people", sa.Integer(), nullable=True),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["created_by_id"],
            ["operator.id"],
            name=op.f("fk_segment_created_by_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segment")),
        sa.UniqueConstraint("name", name=op.f("uq_segment_name")),
    )
    for table, what, on_deletion in _NAMED_BY_CAMPAIGNS:
        op.create_table(
            table,
            sa.Column("campaign_id", sa.Integer(), nullable=False),
            sa.Column(f"{what}_id", sa.Integer(), nullable=False),
            sa.ForeignKeyConstraint(
                ["campaign_id"], ["campaign.id"], name=op.f(f"fk_{table}_campaign_id"), ondelete="CASCADE"
            ),
            sa.ForeignKeyConstraint(
                [f"{what}_id"], [f"{what}.id"], name=op.f(f"fk_{table}_{what}_id"), ondelete=on_deletion
            ),
            sa.PrimaryKeyConstraint("campaign_id", f"{what}_id", name=op.f(f"pk_{table}")),
        )
        op.create_index(op.f(f"ix_{table}_{what}_id"), table, [f"{what}_id"])


def downgrade() -> None:
    for table, _what, _on_deletion in reversed(_NAMED_BY_CAMPAIGNS):
        op.drop_table(table)
    op.drop_table("segment")
    op.drop_table("person_tag")
    op.drop_table("tag")
    op.drop_column("field", "options")
