"""Judges what a session left, and adopts what is sound as the parent of the next."""
