"""Kamailio as a node's public face: UDP, TCP and TLS, IPv4 and IPv6, in front of the gate.

``kamailio.cfg`` is what it does with a message, ``config`` what of it follows from the node's settings, ``tls`` the
certificates, ``rpc`` how a running one is asked and told, ``guard`` what it is started under. ``node.kamailio_keeper``
keeps one running. Dialogs, admission by line and what to do about a dead worker stay with the gate.
"""
