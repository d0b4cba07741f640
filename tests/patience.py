"""How long a test waits for what must come: longer than the busiest machine takes, and nothing where it comes soon."""

PATIENCE_S = 45.0
