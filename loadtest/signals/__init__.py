"""How well the signals see what users would see: `python -m loadtest.signals` (`make signals`) writes docs/signals.md.

S  `sources`    the labelled answers that are scored
P  `baselines`  refusal detectors that others use
P  `invented`   made-up answers and refusals, for fitting
S  `written`    exchanges written for this project, for fitting
P  `rows`       what is fitted on, as a sparse matrix
S  `fit`        fits the refusal detector's weights and writes them into the product
P  `refusal`    refusals, answer by answer and model by model
P  `confusion`  what kind each written exchange is read as
S  `tongues`    refusals in nine other languages
P  `coverage`   whether intervals hold the truth
S  `agreement`  agreement beside people's judgement
P  `swaps`      what the signals say of recorded swaps
S  `speed`      what each signal costs
"""
