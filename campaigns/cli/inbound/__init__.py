"""Commands about what comes back."""
