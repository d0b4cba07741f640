"""The edge alone, for tests and benches: a bridge as a process, a handler that does as it is told, a raw SIP phone."""
