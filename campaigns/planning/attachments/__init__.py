"""Files and an event that go with a campaign's emails."""
