"""Sending domains: their DKIM keys, and their DNS records."""
