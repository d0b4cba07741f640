"""Twilio Programmable Voice: a webhook that answers a call with TwiML, and the Media Stream that it asks for."""
