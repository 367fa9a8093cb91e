"""Oracles: programs that look for what rdb gets wrong, by comparing with what really happens."""
