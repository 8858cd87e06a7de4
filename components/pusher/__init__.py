"""Puts a blessed model into the folder that the model server watches."""
