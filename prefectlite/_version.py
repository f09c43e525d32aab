"""The version, where both the package and its build can read it at no cost."""

__version__ = "0.1.0"
