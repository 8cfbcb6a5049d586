"""Faults on demand: what Kaggle and the network between do to a client, at the moments that a rule names.

`rules`: which fault, at which calls. `names`: what a call is called. `plan`: the rules in force, and what they did.
`middleware`: stands around the app, and looks at each `exchange`. `injections`: what each kind of fault does to one.
"""
