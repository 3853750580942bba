"""Changes of many people at once: the people are fixed first, changed in parts, and can be put back for 30 days."""
