"""What a session measures, a row at a time, into one file that a kill leaves whole up to its last line.

`recorder`: what is noted, and when; `lines`: the file, and how it stays small enough to be read.
"""
