"""The web server: takes whole requests from clients of any pace, and only then asks the app in a thread."""
