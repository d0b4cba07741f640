"""The process: what it listens to, loads and connects."""
