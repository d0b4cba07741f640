"""Calls by audio: a softphone that speaks the scripted caller's sentences into the whole embedded stack."""
