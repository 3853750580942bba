"""What a message that came back does to deliveries, addresses and campaigns."""
