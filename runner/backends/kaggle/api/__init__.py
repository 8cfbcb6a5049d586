"""Requests to Kaggle, and what came of them.

`connection`: the edge, as the official SDK builds requests. `credentials`: who asks, by a `secret_text`. `answers`:
refusals and silence as our own errors. `retries` and `settings`: how often and how long. `quota`: the GPU hours of a
week.
"""
