"""Commands about incoming email."""
