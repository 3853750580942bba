"""the index of people's texts, sizes of lists kept by triggers, sorting by the last open and click, bulk acts

Whoever copies `subscriber` or `subscription` on SQLite (batch mode) drops its triggers: make them anew afterwards by
`people_triggers`.

Revision: 0017
Follows: 0016
"""

# ruff: noqa: S608 (statements made of constants of this file)

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"

_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# What is indexed of a person: the address and every text among the fields, each after two line ends, so that three
# letters tell where a text begins.
_TEXTS = (
    "char(10) || char(10) || {row}.email || coalesce((SELECT group_concat(char(10) || char(10) || each.value, '')"
    " FROM json_each({row}.fields) AS each WHERE each.type = 'text'), '')"
)
_SQLITE_INDEX = (
    "CREATE VIRTUAL TABLE person_text USING fts5(text, content='', detail=none, tokenize='trigram')"
)
# The same for PostgreSQL: each text begins with a quotation mark.
_POSTGRES_INDEX = """
    CREATE INDEX ix_subscriber_text ON subscriber USING gin (
        lower('"' || email || '" ' || CAST(jsonb_path_query_array(fields, '$.* ? (@.type() == "string")') AS text))
        gin_trgm_ops
    )
"""


def upgrade() -> None:
    op.create_table(
        "audience_count",
        sa.Column("list_id", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("part", sa.BigInteger(), nullable=False),
        sa.Column("people", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("list_id", "status", "part", name=op.f("pk_audience_count")),
    )
    op.create_table(
        "bulk_write",
        sa.Column("what", sa.String(length=32), nullable=False),
        sa.Column("nobody", _BIG_ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["nobody"],
            ["subscriber.id"],
            name=op.f("fk_bulk_write_nobody_subscriber"),
            deferrable=True,
            initially="DEFERRED",
        ),
        sa.PrimaryKeyConstraint("what", name=op.f("pk_bulk_write")),
    )
    _make_bulk_acts()
    for column in ("last_opened_at", "last_clicked_at"):
        op.create_index(
            op.f(f"ix_subscriber_{column}"),
            "subscriber",
            [column, "id"],
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
            sqlite_where=sa.text(f"{column} IS NOT NULL"),
        )
    op.execute(
        "INSERT INTO audience_count (list_id, status, part, people)"
        " SELECT list_id, status, 0, count(*) FROM subscription GROUP BY list_id, status"
        " UNION ALL SELECT 0, '', 0, count(*) FROM subscriber"
    )
    if _is_sqlite():
        op.execute(_SQLITE_INDEX)
        op.execute(
            f"INSERT INTO person_text (rowid, text) SELECT id, {_TEXTS.format(row='subscriber')} FROM subscriber"
        )
    else:
        _index_texts()
    for statement in people_triggers(is_sqlite=_is_sqlite()):
        op.execute(sa.text(statement.replace(":", "\\:")))


def _make_bulk_acts() -> None:
    op.create_table(
        "bulk_act",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("stage", sa.String(length=32), nullable=False),
        sa.Column("about", sa.String(length=200), nullable=False),
        sa.Column("details", _JSON, nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("restored", sa.Integer(), nullable=False),
        sa.Column("not_restored", sa.Integer(), nullable=False),
        sa.Column("operator_id", sa.Integer(), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_by_id", sa.Integer(), nullable=True),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        *(
            sa.ForeignKeyConstraint(
                [column], ["operator.id"], name=op.f(f"fk_bulk_act_{column}"), ondelete="SET NULL"
            )
            for column in ("operator_id", "undone_by_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk_act")),
    )
    op.create_table(
        "bulk_change",
        sa.Column("act_id", sa.Integer(), nullable=False),
        sa.Column("subscriber_id", _BIG_ID, nullable=False),
        sa.Column("outcome", sa.SmallInteger(), nullable=False),
        sa.Column("before", _JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["act_id"], ["bulk_act.id"], name=op.f("fk_bulk_change_act_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscriber.id"],
            name=op.f("fk_bulk_change_subscriber_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("act_id", "subscriber_id", name=op.f("pk_bulk_change")),
    )
    op.create_index(op.f("ix_bulk_change_subscriber_id"), "bulk_change", ["subscriber_id"])


def downgrade() -> None:
    op.drop_table("bulk_change")
    op.drop_table("bulk_act")
    if _is_sqlite():
        for name in _SQLITE_TRIGGERS:
            op.execute(f"DROP TRIGGER {name}")
        op.execute("DROP TABLE person_text")
    else:
        for name, (table, _events) in _POSTGRES_TRIGGERS.items():
            op.execute(f"DROP TRIGGER {name} ON {table}")
        op.execute("DROP FUNCTION count_subscriptions()")
        op.execute("DROP FUNCTION count_people()")
        op.execute("DROP INDEX IF EXISTS ix_subscriber_text")
    for column in ("last_clicked_at", "last_opened_at"):
        op.drop_index(op.f(f"ix_subscriber_{column}"), table_name="subscriber")
    op.drop_table("bulk_write")
    op.drop_table("audience_count")


def _is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def _index_texts() -> None:
    """Needs the extension pg_trgm, which an owner of a database may install where its files are; without it the search
    reads everybody.
    """
    bind = op.get_bind()
    known = bind.execute(sa.text("SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm'")).scalar()
    if known is None:
        return
    try:
        with bind.begin_nested():
            op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    except sa.exc.ProgrammingError:  # not allowed
        return
    op.execute(_POSTGRES_INDEX)


def people_triggers(*, is_sqlite: bool) -> list[str]:
    """The statements that make all triggers on `subscriber` and `subscription`."""
    if is_sqlite:
        return [f"CREATE TRIGGER {name} {what}" for name, what in _SQLITE_TRIGGERS.items()]
    return [
        _COUNT_SUBSCRIPTIONS,
        _COUNT_PEOPLE,
        *(
            f"CREATE TRIGGER {name} {events} FOR EACH STATEMENT EXECUTE FUNCTION"
            f" {'count_people' if table == 'subscriber' else 'count_subscriptions'}()"
            for name, (table, events) in _POSTGRES_TRIGGERS.items()
        ),
    ]


def _counted(list_id: str, status: str, number: int) -> str:
    return (
        f"INSERT INTO audience_count (list_id, status, part, people) VALUES ({list_id}, {status}, 0, {number})"
        f" ON CONFLICT (list_id, status, part) DO UPDATE SET people = people + {number};"
    )


_FORGOTTEN = f"INSERT INTO person_text (person_text, rowid, text) VALUES ('delete', OLD.id, {_TEXTS.format(row='OLD')});"
_INDEXED = f"INSERT INTO person_text (rowid, text) VALUES (NEW.id, {_TEXTS.format(row='NEW')});"
# Who writes many rows at once keeps index and counts itself (`audience.finding.bulk_writes`).
_ALONE = "NOT EXISTS (SELECT 1 FROM bulk_write WHERE what = '{what}')"
_PEOPLE, _SUBSCRIPTIONS = _ALONE.format(what="people"), _ALONE.format(what="subscriptions")
_SQLITE_TRIGGERS = {
    "person_added": f"AFTER INSERT ON subscriber WHEN {_PEOPLE} BEGIN {_INDEXED} {_counted('0', repr(''), 1)} END",
    "person_changed": (
        "AFTER UPDATE OF email, fields ON subscriber"
        f" WHEN (OLD.email <> NEW.email OR OLD.fields <> NEW.fields) AND {_PEOPLE}"
        f" BEGIN {_FORGOTTEN} {_INDEXED} END"
    ),
    "person_deleted": f"AFTER DELETE ON subscriber WHEN {_PEOPLE} BEGIN {_FORGOTTEN} {_counted('0', repr(''), -1)} END",
    "subscription_added": (
        f"AFTER INSERT ON subscription WHEN {_SUBSCRIPTIONS} BEGIN {_counted('NEW.list_id', 'NEW.status', 1)} END"
    ),
    "subscription_changed": (
        "AFTER UPDATE OF list_id, status ON subscription"
        f" WHEN (OLD.list_id <> NEW.list_id OR OLD.status <> NEW.status) AND {_SUBSCRIPTIONS}"
        f" BEGIN {_counted('OLD.list_id', 'OLD.status', -1)} {_counted('NEW.list_id', 'NEW.status', 1)} END"
    ),
    "subscription_deleted": (
        f"AFTER DELETE ON subscription WHEN {_SUBSCRIPTIONS} BEGIN {_counted('OLD.list_id', 'OLD.status', -1)} END"
    ),
}

# Each transaction counts in rows of its own (`part`), so that none waits for another; the dispatcher adds them up.
_ADDED_UP = (
    "ON CONFLICT (list_id, status, part) DO UPDATE SET people = audience_count.people + excluded.people"
)
_COUNT_SUBSCRIPTIONS = f"""
CREATE FUNCTION count_subscriptions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO audience_count (list_id, status, part, people)
        SELECT list_id, status, txid_current(), count(*) FROM added GROUP BY list_id, status
        {_ADDED_UP};
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO audience_count (list_id, status, part, people)
        SELECT list_id, status, txid_current(), -count(*) FROM gone GROUP BY list_id, status
        {_ADDED_UP};
    ELSE
        INSERT INTO audience_count (list_id, status, part, people)
        SELECT list_id, status, txid_current(), sum(number) FROM (
            SELECT list_id, status, 1 AS number FROM added UNION ALL SELECT list_id, status, -1 FROM gone
        ) AS moved GROUP BY list_id, status HAVING sum(number) <> 0
        {_ADDED_UP};
    END IF;
    RETURN NULL;
END $$
"""
_COUNT_PEOPLE = f"""
CREATE FUNCTION count_people() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO audience_count (list_id, status, part, people)
        SELECT 0, '', txid_current(), count(*) FROM added HAVING count(*) > 0
        {_ADDED_UP};
    ELSE
        INSERT INTO audience_count (list_id, status, part, people)
        SELECT 0, '', txid_current(), -count(*) FROM gone HAVING count(*) > 0
        {_ADDED_UP};
    END IF;
    RETURN NULL;
END $$
"""
_NEW, _OLD = "REFERENCING NEW TABLE AS added", "REFERENCING OLD TABLE AS gone"
_POSTGRES_TRIGGERS = {
    "subscription_added": ("subscription", f"AFTER INSERT ON subscription {_NEW}"),
    "subscription_deleted": ("subscription", f"AFTER DELETE ON subscription {_OLD}"),
    "subscription_changed": ("subscription", f"AFTER UPDATE ON subscription {_OLD} NEW TABLE AS added"),
    "person_added": ("subscriber", f"AFTER INSERT ON subscriber {_NEW}"),
    "person_deleted": ("subscriber", f"AFTER DELETE ON subscriber {_OLD}"),
}
