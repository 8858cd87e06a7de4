"""Gates on the scored test pairs of a candidate: sanity, slices, and the change against the model that serves."""
