"""The node around its worker: supervision, health, heartbeats."""
