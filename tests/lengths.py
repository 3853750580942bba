"""How much of a long test runs: `make test` takes a short cut, `make long` all of it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import pytest

IS_LONG = os.environ.get("LONG") == "1"


def first(number: int, values: Iterable[Any], *, ids: Any = None) -> list[Any]:
    """All values as parameters of a test; those after the first `number` are marked `long`."""
    return [_param(value, is_long=index >= number, ids=ids) for index, value in enumerate(values)]


def _param(value: Any, *, is_long: bool, ids: Any) -> Any:
    marks = [pytest.mark.long] if is_long else []
    if isinstance(value, type(pytest.param(None))):
        return pytest.param(*value.values, id=value.id, marks=[*value.marks, *marks])
    return pytest.param(value, id=ids(value) if ids else None, marks=marks)
