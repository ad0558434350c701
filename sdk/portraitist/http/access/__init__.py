"""Who is asking: API keys, the one-time address on loopback, scopes and rates."""
