"""The WSGI entry point, and what `flask --app wsgi` loads."""

from campaigns import create_app

app = create_app()
