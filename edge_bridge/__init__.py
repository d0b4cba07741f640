"""The phone side, always on: SIP in, one CloudEvent per call out, audio over a WebSocket.

A node is a supervisor (``__main__``, ``node``) and a pjsua2 worker process (``worker``). The supervisor owns the API
port, the heartbeats and the worker's life; the worker owns SIP, the media socket and the call lane. pjsua2 itself is
touched in ``entrances.sip`` only.
"""
