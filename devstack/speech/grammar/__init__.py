"""The grammar of an order: tokens become phrases, one for each thing spoken of, with what belongs to it.

One pass, left to right. A phrase has a head (an item, or what may be one), the number and size said with it, wishes (an
option and how much of it) and what is done with it. Words that don't fit any rule are left out; words that look like
something wanted but are not understood are kept as ``unsure``, for the agent to ask about. Nothing is ever guessed.

From the bottom: ``state`` is what has been read so far, ``wishes`` what is said of a thing, ``heads`` the things,
``lines`` what points at things spoken of before, ``scanner`` the sentence: its separators, takings back, corrections.
"""

from devstack.speech.grammar.scanner import Scanner

__all__ = ["Scanner"]
