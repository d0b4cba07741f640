"""Calls by text: a real call handler process, with typed sentences where a microphone would be."""
