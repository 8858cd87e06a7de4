"""Folders and files of users and of artifacts, local or in an object store, and the records in them."""
