"""A small project of a user's own, which has kaggle-relay installed.

`writing`: puts it into a folder. `requirement`: where that project's kaggle-relay comes from. Its
files are in the folder template.
"""
