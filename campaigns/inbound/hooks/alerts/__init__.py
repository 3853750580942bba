"""Alerts of monitoring: what fires, who is told, and when again."""
