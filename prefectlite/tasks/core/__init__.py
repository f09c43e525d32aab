"""The tasks that the graph itself makes: constants, collections, operators and functions."""
