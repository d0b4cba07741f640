"""The Realtime GA protocol as types: what a client may send, a session's configuration, items, errors, usage."""
