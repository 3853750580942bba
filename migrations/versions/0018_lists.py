"""exports as files, labels of lists, archived lists

Revision: 0018
Follows: 0017
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"

_JSON = sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "export",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("operator_id", sa.Integer(), nullable=True),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("wanted", _JSON, nullable=False),
        sa.Column("columns", _JSON, nullable=False),
        sa.Column("format", sa.String(length=32), nullable=False),
        sa.Column("is_raw", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("path", sa.String(length=500), nullable=False),
        sa.Column("place", sa.String(length=16), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("lease_until", _MOMENT, nullable=True),
        sa.Column("people_total", sa.Integer(), nullable=False),
        sa.Column("people_done", sa.Integer(), nullable=False),
        sa.Column("last_id", sa.BigInteger(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.String(length=500), nullable=True),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("finished_at", _MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["operator_id"],
            ["operator.id"],
            name=op.f("fk_export_operator_id_operator"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_export")),
    )
    op.create_index(op.f("ix_export_created_at"), "export", ["created_at"])
    op.create_table(
        "export_choice",
        sa.Column("operator_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("columns", _JSON, nullable=False),
        sa.Column("format", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["operator_id"],
            ["operator.id"],
            name=op.f("fk_export_choice_operator_id_operator"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("operator_id", name=op.f("pk_export_choice")),
    )
    op.create_table(
        "list_label",
        sa.Column("list_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["list_id"], ["list.id"], name=op.f("fk_list_label_list_id_list"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("list_id", "name", name=op.f("pk_list_label")),
    )
    op.create_index(op.f("ix_list_label_name"), "list_label", ["name"])
    op.add_column("list", sa.Column("archived_at", _MOMENT, nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("list") as batch:
        batch.drop_column("archived_at")
    op.drop_index(op.f("ix_list_label_name"), "list_label")
    op.drop_table("list_label")
    op.drop_table("export_choice")
    op.drop_index(op.f("ix_export_created_at"), "export")
    op.drop_table("export")
