"""The output of `flask template …`."""

from __future__ import annotations

from typing import Any

from campaigns.content.templates.models import Template


def values_of(template: Template) -> dict[str, Any]:
    """What `--json` prints of a template."""
    return {
        "id": template.id,
        "name": template.name,
        "format": template.format.value,
        "layout": template.is_layout,
        "subject": template.subject,
        "version": template.version,
        "updated_at": template.updated_at.isoformat(),
    }
