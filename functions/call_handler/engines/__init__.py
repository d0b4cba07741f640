"""Voice engines behind one interface: ``base`` says what an engine does, each module beside it is one engine."""
