"""What every process needs and none should write twice: settings, logs, metrics, health, HTTP probes."""
