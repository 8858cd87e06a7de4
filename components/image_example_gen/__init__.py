"""ImageExampleGen: reads images, writes their canonical pixels by split, and reports every file that is not used."""
