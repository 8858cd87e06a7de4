"""Sources of images: a folder, a manifest, an archive, increments; each lists its images and reads them."""
