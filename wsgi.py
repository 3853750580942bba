"""The WSGI entry point, also for `flask --app wsgi`."""

import sys

from campaigns import create_app
from campaigns.cli import commands
from campaigns.core.errors import ConfigError

try:
    app = commands.app() if commands.is_asked_for() else create_app()
except ConfigError as error:
    sys.exit(f"Error: {error}")
