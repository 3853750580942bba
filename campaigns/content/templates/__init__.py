"""Content that is kept for use again: templates of emails, layouts around them, and saved blocks."""
