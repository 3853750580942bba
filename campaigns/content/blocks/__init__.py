"""Saved blocks: pieces of documents that are kept by name and inserted into other emails as copies."""
