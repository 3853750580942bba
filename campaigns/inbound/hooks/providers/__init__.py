"""The webhooks of email providers: is a request theirs, and what does it say. Pure; a module for each."""
