"""All blueprints and commands of the app, in one list."""

from __future__ import annotations

from importlib import import_module

from flask import Flask
from flask_wtf import CSRFProtect

# Modules with a blueprint named `bp`.
VIEWS = (
    "campaigns.accounts.views",
    "campaigns.audience.views",
    "campaigns.audit.views",
    "campaigns.content.brands.views",
    "campaigns.content.media.views",
    "campaigns.delivery.views",
    "campaigns.inbound.rules.views",
    "campaigns.inbound.loopback.views",
    "campaigns.inbound.timed.views",
    "campaigns.inbound.views",
    "campaigns.inbound.hooks.views",
    "campaigns.palette.views",
    "campaigns.planning.blocks.views",
    "campaigns.planning.images.views",
    "campaigns.planning.segments.views",
    "campaigns.planning.templates.views",
    "campaigns.planning.views",
    "campaigns.practice.views",
    "campaigns.public.hooks",
    "campaigns.public.signup",
    "campaigns.public.views",
    "campaigns.reports.person.views",
    "campaigns.reports.views",
    "campaigns.settings.views",
)
# More routes of the blueprints above, imported before these are registered.
MORE_ROUTES = (
    "campaigns.accounts.factor.views",
    "campaigns.accounts.security.views",
    "campaigns.accounts.stepup.views",
    "campaigns.inbound.hooks.pages.alerts",
    "campaigns.planning.attachments.views",
    "campaigns.planning.languages.views",
    "campaigns.planning.versions.views",
    "campaigns.planning.sharing.views",
    "campaigns.public.archive",
    "campaigns.public.leaving",
    "campaigns.public.look",
    "campaigns.public.shared",
    "campaigns.public.web_view",
    "campaigns.settings.domains.views",
)
COMMANDS = "campaigns.cli.commands"


def register(app: Flask, csrf: CSRFProtect) -> None:
    """Register every blueprint; those with `csrf_exempt` are for mail clients and say why."""
    for name in MORE_ROUTES:
        import_module(name)
    for name in VIEWS:
        blueprint = import_module(name).bp
        if getattr(blueprint, "csrf_exempt", False):
            csrf.exempt(blueprint)
        app.register_blueprint(blueprint)
    import_module(COMMANDS).register(app)
