"""The cases, a module for each area. A case is a function marked with ``@case``."""
