"""The whole system on one machine, started, watched and stopped."""
