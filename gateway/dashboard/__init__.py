"""What operators see in a browser: pages made by the server, kept fresh by a small script, charts by vendored uPlot.

The pages are whole without the script: it only replaces parts of them with newer ones, draws the charts, and sends
commands. Nothing comes from anywhere else, and nothing is built.

S  `pages`      the routes: endpoints, a rollout, its history, one decision, the charts' numbers
S  `reviewing`  answers side by side, for people to label
S  `signing`    signing in and out: a key becomes a cookie
P  `sessions`   what is in that cookie
S  `assets`     the files that pages use, kept by browsers for good
S  `templates`  the pages' text, with everything that is not markup escaped
P  `words`      values as people read them
P  `glyphs`     a drift with its interval and limit, as a drawing of one line
P  `trend`      what a rollout looked like over time, in bounded memory
S  `recording`  fills the trends: from what the controller sees, else from the audit
P  `shapes`     how lengths and times to first byte are distributed on both arms
P  `charts`     trends and shapes as the JSON that the charts draw
"""
