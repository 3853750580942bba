"""Real SMTP servers, each from a private folder on loopback ports: what a scripted one can not show."""
