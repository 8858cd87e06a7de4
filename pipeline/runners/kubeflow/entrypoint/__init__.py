"""The command of each pod: runs one node of the graph for the backend's launcher."""
