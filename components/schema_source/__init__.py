"""The schema of the images: from the configuration, or a reviewed one."""
