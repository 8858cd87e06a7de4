"""From the configuration to the file that the open-source backend runs."""
