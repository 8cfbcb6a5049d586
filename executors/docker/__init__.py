"""Scripts in containers that are laid out and limited as a session on Kaggle.

`executor`: the calls. `container`: what a container is; `limits`: how much of the machine it gets. `engine`: how the
engine is reached, and what its refusals mean. `archive`: files in and out; `log`: what it printed; `status`: where it
stands.
"""
