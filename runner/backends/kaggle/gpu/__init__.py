"""What a session spends of the weekly GPU quota.

`accelerator`: whether it asks for a GPU at all, and why. `spending`: for how long it may last by what is left.
"""
