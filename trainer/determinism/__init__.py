"""Whether a GPU computes the same twice: asked for before its first operation, and measured before the training.

`flags`: how torch computes there, and which of its operations cannot. `repetition`: a few updates, made twice from
the same state, in `pretended` environments. `machine`: the GPU and its software, recorded like a library. `failures`:
what a GPU raises, in a sentence.
"""
