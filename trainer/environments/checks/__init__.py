"""What environments give, looked at in each step before anything takes it in.

`step`: what one gives, as it comes. `batch`: the numbers that several give together, and what they are given;
`vector`: shapes too, where nothing of Stable-Baselines3 puts them together. `numbers`: whether arrays hold what a
space says. `faults`: what is wrong, and the error that ends the session.
"""
