"""Signals: pure functions from what was asked and answered to a reading; one file each, versioned.

P  `catalogue`        which signals there are, and their versions
P  `refusal`          did the model refuse: the provider's word first, then the text
P  `refusal_phrases`  the English phrases that refusals are made of
P  `refusal_signs`    signs of declining and answering in an opening, as numbers
P  `unwilling`        the half of refusals that is a choice
P  `inability`        the half that is not
P  `refusal_change`   how much more one model refuses, with the detector's errors in the interval
P  `refusal_words`    what the first words of an answer say
P  `refusal_odds`     two questions to an opening: is it unwilling, does it not give what was asked
P  `refusal_weights`  what each sign weighs for the first; written by loadtest/signals/fit.py
P  `unable_weights`   what each sign weighs for the second; likewise
P  `refusal_tongues`  how declining opens in nine other languages
P  `refusal_short`    looser wordings there, for answers that say hardly anything else
P  `length`           how much was said, compared as a log ratio
P  `schema`           is the structure that was asked for there, rung by rung
P  `schema_cost`      how often a validator would visit a schema, before it does
P  `agreement`        do two answers say the same
P  `json_paths`       two JSON answers, path by path, and the paths that vary by themselves
P  `empty`            nothing said at all
P  `truncated`        cut off by the token limit
P  `near_limit`       nearly cut off
P  `tool_call`        calling a tool where one may
P  `unknown_tool`     calling tools that do not exist
P  `tool_arguments`   arguments of calls that break the tool's schema
P  `parallel_calls`   several calls in one answer
P  `repetition`       going round in circles
P  `language`         answering in another language than was asked in
P  `leaked`           template tokens and hidden reasoning in the text
P  `hedging`          perhaps, possibly, it depends
P  `as_an_ai`         speaking of itself as a machine
P  `citations`        [1], (Smith, 2020)
P  `urls`             web addresses
P  `code_fence`       fenced code
P  `lists`            bullets and numbers
P  `tables`           Markdown tables
P  `pace`             how fast an answer comes once it has begun
P  `tokens`           what an answer took, by the provider's count
P  `spoken`           the text that signals of form and manner look at
"""
