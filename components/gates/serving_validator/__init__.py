"""Serving smoke test: sends canary requests to an exported model in a fresh process before it is pushed."""
