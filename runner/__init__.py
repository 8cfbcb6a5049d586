"""The user's side: plans, packages, executes and downloads sessions."""
