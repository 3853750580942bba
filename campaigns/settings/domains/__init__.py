"""Domains that mails are signed for: their keys, and what must stand in DNS about them."""
