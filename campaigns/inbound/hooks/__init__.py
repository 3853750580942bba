"""What comes in over HTTP: events of email providers, and alerts of monitoring."""
