"""Commands about lists, people and segments."""
