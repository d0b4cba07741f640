"""The gate: owns the public SIP address, so that nothing that pjsip may choke on reaches pjsip.

A datagram from a source that is not known costs microseconds (``sources``). From a known one it is parsed within
bounds (``message``), judged (``admission``) and handed to the worker on a loopback port, written anew (``proxying``).
What the worker sends leaves through the gate, too. The gate knows every dialog (``dialogs``), so it can answer and
hang up those of a worker that died; the supervisor keeps a copy of them for the next gate (``ipc``).
"""
