"""What writes pages and pictures of the documentation.

S  `reference`  the admin API and the metrics, from the code
S  `pictures`   every page of the dashboard, of the running demo
S  `watching`   recordings of `status --watch`
"""
