"""The wires between our own processes: the call lane and the media socket."""
