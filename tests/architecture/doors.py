"""Which modules of the app are doors: they parse, call a service, and answer."""

from __future__ import annotations

DOOR_FILES = {"guards", "forms", "jobs", "views", "worker"}
DOOR_PACKAGES = {"public", "api", "cli", "webserver"}
DOOR_MODULES = {
    "app",
    "bootstrap",
    "web",
    "navigation",
    "form_page",
    "page_parts",
    "blueprints",
    "process",
    "schema",
    "dispatcher",
    "everything",
    "mailbox",
    "reader",
    "intake",
    "__init__",
}


def is_door(module: str) -> bool:
    """Whether the world comes in by that module, named without the `campaigns.` in front."""
    parts = module.split(".")
    if parts[0] in DOOR_PACKAGES or (len(parts) == 1 and parts[0] in DOOR_MODULES):
        return True
    return (parts[-1] in DOOR_FILES or "pages" in parts[1:-1]) and parts[0] != "core"
