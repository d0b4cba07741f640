"""The node around its processes: supervision, health, heartbeats."""
