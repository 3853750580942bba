"""The WSGI entry point, and what `flask --app wsgi` loads."""

import sys

from campaigns import create_app
from campaigns.core.config import ConfigError

try:
    app = create_app()
except ConfigError as error:
    sys.exit(f"Error: {error}")
