"""One call explained: its SIP messages, its course, how it sounded, the settings in force; as text, data or a file."""
