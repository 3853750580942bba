"""A window's answers in one statement: what the servers said arrives in the ledger as it was said."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.core.db import db
from campaigns.delivery.ledger.results import numbers_as_array, texts_as_array

SAID = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
SPECIAL = st.sampled_from(["", "NULL", "null", '"', "\\", '\\"', "{", "}", ",", '","', " 2.0.0 Ok ", "'"])


@pytest.mark.postgres
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(SAID | SPECIAL | st.none(), max_size=6))
def test_any_answers_come_out_of_the_array_as_they_went_in(
    postgres_app: Flask, said: list[str | None]
) -> None:
    statement = sa.text("SELECT CAST(:said AS text[])")
    assert db.session.scalar(statement, {"said": texts_as_array(said)}) == said


@pytest.mark.postgres
def test_a_missing_number_is_none(postgres_app: Flask) -> None:
    statement = sa.text("SELECT CAST(:codes AS smallint[])")
    assert db.session.scalar(statement, {"codes": numbers_as_array([250, None, 421])}) == [250, None, 421]
