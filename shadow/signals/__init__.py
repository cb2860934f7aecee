"""Signals: pure functions from what was asked and answered to a reading; one file each, versioned.

P  `refusal`    did the model refuse: the provider's word first, then the text
P  `length`     how much was said, compared as a log ratio
P  `schema`     is the structure that was asked for there, rung by rung
P  `agreement`  do two answers say the same
"""
