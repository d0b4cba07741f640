"""Real-time transport of a call's audio: RTP and RTCP (RFC 3550, 3551), telephone keys (RFC 4733), SDP (RFC 3264).

``call.CallMedia`` is one call's media, ``stream.RtpStream`` its packets in and out, ``pacer.Pacer`` the one clock of
all calls. Audio is G.711 from end to end and never decoded.
"""
