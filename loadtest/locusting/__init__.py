"""What the Locust test decides: who asks for what, when, and how an answer counts.

Nothing here imports Locust, which patches the interpreter: only `loadtest/locustfile.py` does.
"""
