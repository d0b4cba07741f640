"""Keeps the call log: one row a call, from its end, its miss or its transfer."""
