"""The differential suite: the same small programs on Prefect 1.4.1 and on prefectlite.

``python -m compat`` runs every case of ``compat/cases`` on both sides, on each executor, and
compares what was observed. See ``compat/README.md``.
"""
