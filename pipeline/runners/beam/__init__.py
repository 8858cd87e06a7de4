"""Beam's runners beyond this process: what each needs, checked before a run, and the workers that it begins."""
