"""Runs of random flows that are hurt at random moments, and an oracle that says what is right.

`python -m soak --help` tells how to run it; docs/failure.md what is tried.
"""
