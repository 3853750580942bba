"""What comes back: bounces, complaints, replies and commands, from mailboxes and providers."""
