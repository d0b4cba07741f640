"""Other sides of our protocols, as first-class modules: real sockets, scripted behaviour."""
