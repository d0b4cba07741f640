"""Events in and out: the catalogue, CloudEvents over HTTP, the outbox and its relay, idempotent consumers.

Also the two wire protocols between an edge bridge and a call handler, which share nothing else:
``call_lane`` (the held POST) and ``media`` (the audio WebSocket).

``call_lane``, ``media``, ``catalogue`` and ``cloudevents`` lie on the call handler's cold-start path: they
import nothing heavier than msgspec.
"""
