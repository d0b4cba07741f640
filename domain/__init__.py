"""The rules of a restaurant's phone: menu, order, money, hours, reservations, prompts.

Pure: no input or output, no framework, no clock of its own (the time is always an argument).
"""
