"""Where calls come in: SIP, Asterisk's AudioSocket, Twilio's Media Streams. All lead to the same call session."""
