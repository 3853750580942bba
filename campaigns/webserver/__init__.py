"""The web server: receives whole requests from clients of any speed, then runs the app in a thread."""
