"""What doit is told, and what it says.

`graph`: the words of dodo.py. `selection`: what a command line asks for. `run`: doit's `run` command, which goes on for
`resume`. `reporter`: a line for each stage. `state`: doit's memory, written through.
"""
