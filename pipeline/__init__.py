"""The configuration, the graph, the runners and the command line."""
