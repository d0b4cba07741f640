"""A speech engine for one machine: the Realtime protocol, with real VAD, speech-to-text, an agent and voices.

It stands in for the paid engine in development, tests and the demonstration: same socket, same events, same
tool path. Its agent is a set of rules, not a language model (see ``agent``), so it is *not* a measure of how
well a call would be handled in production.
"""
