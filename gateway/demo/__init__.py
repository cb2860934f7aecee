"""`driftgate demo`: two rollouts on one machine, against simulated model servers, without any outside service.

P  `words`         invented names and facts
P  `refusals`      how declining is worded
P  `tasks`         what is asked, and what a model answers to it
P  `personas`      the simulated models: how each departs from the others
P  `wire`          an answer as chat completion JSON, and as a stream of events
S  `model_server`  an OpenAI-compatible server that speaks with several personas
S  `traffic`       the applications: steady requests of many distinct users
P  `scene`         the demo's endpoints, plan and configuration file
P  `outcome`       what an ended rollout must say for itself
S  `children`      the demo's processes
S  `live`          both rollouts in the terminal
S  `main`          `run`: the demo from start to end
"""
