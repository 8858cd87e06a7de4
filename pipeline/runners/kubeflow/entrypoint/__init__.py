"""What runs in each pod: one node of the graph, as the backend's launcher hands it over."""
