"""Asks an exported model the questions that a server will, in a fresh process, before it is pushed."""
