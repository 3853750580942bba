"""The loopback test: an email through a server of ours to a mailbox of ours, and what the way said of it."""
