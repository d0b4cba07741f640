"""``python -m eventing.relay``: publishes what the outbox holds to the Broker (``K_SINK``), at least once."""
