"""The wrappers that a job puts around its environments, and what they remember.

`around`: put around each environment, and around all of them. `states`: what those around all remember, taken and put
back. `running_means`: what those around each have learned of its scale, handed to other environments. `pristine`:
both as they were made, for each evaluation. `culprit`: which of them it is that does not give its state back.
"""
