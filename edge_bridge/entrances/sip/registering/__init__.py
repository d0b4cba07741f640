"""REGISTERs of our own: as many lines as the node is told to hold, each answer of a trunk read as RFC 3261 has it.

``client`` says what a line's registrar shall know and hears what it granted; ``transactions`` sends and repeats over
one loopback socket, through the gate; ``digests`` answers its challenges; ``trunks`` knows where it is (RFC 3263),
with ``dns`` for what the system's resolver cannot ask.
"""
