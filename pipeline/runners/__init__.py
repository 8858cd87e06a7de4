"""What executes the graph, one module or folder a runner."""
