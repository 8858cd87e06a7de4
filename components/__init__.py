"""The TFX components, one folder each, and the rooms that several of them share.

A folder with a ``component.py`` is a node of the graph. ``storage`` (files, records, lists of pairs),
``serving_folder`` (versions of models), ``run_outcome`` (the verdict of a run; also a node) and ``run_record`` (what a
run left behind) are shared. The layers are in ``pyproject.toml``.
"""
