"""notes on people, what was changed about them, emails of people who were merged

Revision: 0019
Follows: 0018
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"

_JSON = sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql")
_MOMENT = sa.DateTime(timezone=True)
_BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "person_note",
        sa.Column("id", _BIG_ID, nullable=False),
        sa.Column("subscriber_id", _BIG_ID, nullable=False),
        sa.Column("operator_id", sa.Integer(), nullable=True),
        sa.Column("author", sa.String(length=320), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("edited_at", _MOMENT, nullable=True),
        _of_person("person_note"),
        sa.ForeignKeyConstraint(
            ["operator_id"],
            ["operator.id"],
            name=op.f("fk_person_note_operator_id_operator"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person_note")),
    )
    op.create_index("ix_person_note_subscriber_id", "person_note", ["subscriber_id", "created_at"])
    op.create_table(
        "person_change",
        sa.Column("id", _BIG_ID, nullable=False),
        sa.Column("subscriber_id", _BIG_ID, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("act", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.String(length=320), nullable=False),
        sa.Column("details", _JSON, nullable=False),
        _of_person("person_change"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person_change")),
    )
    op.create_index("ix_person_change_subscriber_id", "person_change", ["subscriber_id", "at"])
    op.create_table(
        "merged_delivery",
        sa.Column("delivery_id", _BIG_ID, autoincrement=False, nullable=False),
        sa.Column("subscriber_id", _BIG_ID, nullable=False),
        _of_person("merged_delivery"),
        sa.PrimaryKeyConstraint("delivery_id", name=op.f("pk_merged_delivery")),
    )
    op.create_index(op.f("ix_merged_delivery_subscriber_id"), "merged_delivery", ["subscriber_id"])


def _of_person(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["subscriber_id"],
        ["subscriber.id"],
        name=op.f(f"fk_{table}_subscriber_id_subscriber"),
        ondelete="CASCADE",
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_merged_delivery_subscriber_id"), table_name="merged_delivery")
    op.drop_table("merged_delivery")
    op.drop_index("ix_person_change_subscriber_id", table_name="person_change")
    op.drop_table("person_change")
    op.drop_index("ix_person_note_subscriber_id", table_name="person_note")
    op.drop_table("person_note")
