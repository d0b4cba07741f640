"""Asterisk's AudioSocket: one TCP connection a call, which brings the line's UUID, then audio and keys both ways."""
