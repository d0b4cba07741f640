"""A caller of the platform's own: rings a test restaurant over real SIP, orders, and compares what was written."""
