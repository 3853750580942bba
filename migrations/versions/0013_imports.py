"""dry runs of imports, and what undoes them

Revision: 0013
Follows: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0013"
down_revision = "0012"

RENAMED = {
    "rows_done": "rows",
    "created": "new",
    "updated": "changed",
    "rejected": "refused",
    "skipped": "left_out",
}
JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    for old, new in RENAMED.items():  # both databases know this statement; a batch would copy the table
        op.execute(f'ALTER TABLE "import" RENAME COLUMN "{old}" TO "{new}"')
    op.add_column("import", sa.Column("sha256", sa.String(length=64), nullable=True))
    op.add_column("import", sa.Column("unchanged", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("import", sa.Column("sample", JSON, nullable=False, server_default="{}"))
    op.add_column("import", sa.Column("undone", JSON, nullable=False, server_default="{}"))
    op.add_column("import", sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("import", sa.Column("undo_until", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "import_change",
        sa.Column("import_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(
            "subscriber_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("before", JSON, nullable=True),
        sa.PrimaryKeyConstraint("import_id", "subscriber_id", name=op.f("pk_import_change")),
        sqlite_with_rowid=False,
    )
    op.add_column("suppression", sa.Column("import_id", sa.Integer(), nullable=True))
    op.create_index(op.f("ix_suppression_import_id"), "suppression", ["import_id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_suppression_import_id"), "suppression")
    op.drop_column("suppression", "import_id")
    op.drop_table("import_change")
    for name in ("undo_until", "undone_at", "undone", "sample", "unchanged", "sha256"):
        op.drop_column("import", name)
    for old, new in RENAMED.items():
        op.execute(f'ALTER TABLE "import" RENAME COLUMN "{new}" TO "{old}"')
