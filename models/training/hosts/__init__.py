"""One training on several hosts: how they find each other, and the process on each that trains."""
