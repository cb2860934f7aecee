"""Signals: pure functions from what was asked and answered to a reading; one file each, versioned.

P  `catalogue`        which signals there are, and their versions
P  `refusal`          did the model refuse: the provider's word first, then the text
P  `refusal_phrases`  the English phrases that refusals are made of
P  `length`           how much was said, compared as a log ratio
P  `schema`           is the structure that was asked for there, rung by rung
P  `schema_cost`      how often a validator would visit a schema, before it does
P  `agreement`        do two answers say the same
"""
