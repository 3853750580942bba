"""What processes without pages have no need of."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


# What only pages, forms and migrations need: a quarter of a worker's memory.
NOT_NEEDED = {"alembic", "flask_migrate", "flask_login", "flask_limiter", "flask_wtf", "wtforms"}
