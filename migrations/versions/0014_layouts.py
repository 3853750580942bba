"""layouts around emails, and the version of a template that a campaign has seen

Revision: 0014
Follows: 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    with op.batch_alter_table("template", schema=None) as batch_op:
        batch_op.add_column(sa.Column("is_layout", sa.Boolean(), server_default=sa.false(), nullable=False))
    with op.batch_alter_table("campaign", schema=None) as batch_op:
        batch_op.add_column(sa.Column("template_version", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("layout_id", sa.Integer(), nullable=True))
        batch_op.create_index(op.f("ix_campaign_layout_id"), ["layout_id"])
        batch_op.create_foreign_key(
            op.f("fk_campaign_layout_id_template"), "template", ["layout_id"], ["id"], ondelete="SET NULL"
        )


def downgrade() -> None:
    with op.batch_alter_table("campaign", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("fk_campaign_layout_id_template"), type_="foreignkey")
        batch_op.drop_index(op.f("ix_campaign_layout_id"))
        batch_op.drop_column("layout_id")
        batch_op.drop_column("template_version")
    with op.batch_alter_table("template", schema=None) as batch_op:
        batch_op.drop_column("is_layout")
