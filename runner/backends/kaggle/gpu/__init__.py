"""What a session spends of the weekly GPU quota.

`accelerator`: whether it asks for a GPU at all, and why.
"""
