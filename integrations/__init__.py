"""What a restaurant connects: tills, printers, payments, messages, calendars, by each one's own public interface.

An adapter performs a task (``tasks``) and says what came of it; it reads no database and knows no event. ``network``
is how it reaches the world: bounded in time and size, and never into our own network. Adapters import it for its types
alone: the admin, which has no HTTP client, reads their forms and checks the signatures of what providers send.
"""
