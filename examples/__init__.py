"""Flows to read and to run."""
