"""Work in a process of its own that is killed -9 at each moment that tells: around commits and what is done outside."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from sqlalchemy.engine.interfaces import Dialect

from campaigns.core.db import db
from tests.delivery.killed import forked

# An object and the name of its function: the process is killed before it, and after it.
Step = tuple[Any, str]


@dataclass
class Moments:
    """Counts the moments that the process passes, and kills it at one of them."""

    number: int
    passed: int = field(default=0)

    def around(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """The same work with a moment before it and one after it."""

        def watched(*arguments: Any, **named: Any) -> Any:
            self._passes()
            found = work(*arguments, **named)
            self._passes()
            return found

        return watched

    def _passes(self) -> None:
        self.passed += 1
        if self.passed == self.number:
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(60)


def is_killed(app: Flask, work: Callable[[], object], number: int, *, steps: Sequence[Step] = ()) -> bool:
    """Fork the work and kill it at that moment, counted from 1; False if it ended before that, in good order."""
    db.session.rollback()
    child = forked(app, lambda: _watched(work, Moments(number), steps))
    _pid, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.waitstatus_to_exitcode(status) == 0, "the work failed"
    return False


def _watched(work: Callable[[], object], moments: Moments, steps: Sequence[Step]) -> None:
    dialect: Dialect = db.engine.dialect
    for owner, name in (*steps, (dialect, "do_commit")):
        setattr(owner, name, moments.around(getattr(owner, name)))
    work()
