"""Does what outside services must be told: tills, printers, messages, payments, calendars."""
