"""The phone side, always on: SIP in, one CloudEvent per call out, audio over a WebSocket.

A node is a supervisor (``__main__``, ``node``) that owns the API port and the heartbeats, and keeps the others: a gate
(``entrances.sip.gate``) with the public SIP address, signallers (``entrances.sip.signaller``) that have pjsua2, and one
session (``session``) that has the calls' audio, the media socket and the call lane. The nursery (``nursery``) forks the
last two.
"""
