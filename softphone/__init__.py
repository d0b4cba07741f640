"""The test telephone: a caller with a real SIP phone, for the demo, the tests and the benches."""
