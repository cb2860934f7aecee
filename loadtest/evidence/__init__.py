"""How well the judge judges, simulated: `python -m loadtest.evidence` (`make evidence`) writes docs/statistics.md.

P  `streams`     many simulated rollouts, looked at after each vote
P  `scenes`      which rollouts are simulated
P  `figures`     how often the judge is wrong, and how many votes it needs
P  `tilted`      small chances without waiting for them
P  `late_onset`  drift that begins late
P  `combining`   pairs and users as evidence for one budget
P  `others`      what other controllers do, from their documentation
P  `contest`     driftgate beside them, on the same traffic
S  `speed`       how long a decision takes, and the writing of a cell
P  `page`        the tables
P  `picture`     the picture
"""
