"""What makes a site of the documents.

`hooks`: files from beside docs/. `commands`: the reference of all commands. `terminal`: the picture in the README.
"""
