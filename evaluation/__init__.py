"""``alloresto eval``: scripted callers ring restaurants of their own, and the database says whether it went right.

A scenario says what a caller wants, what they say when asked, and which rows are right in the end. By text its
sentences are typed into the conversation of a real call handler; by audio they are spoken over SIP through the whole
embedded stack.
"""
