"""pjsua2, and nothing else of the bridge: endpoint and its thread, calls, audio ports, accounts.

pjsua2 has no types and sharp edges; everything that touches it stands here. The rest of the bridge sees
``endpoint.SipEndpoint`` and the plain types of ``signals``, which also import without pjsua2.
"""
