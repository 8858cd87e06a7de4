"""ImageExampleGen: folders of images in, canonical pixels in splits out; what is unusable is set aside and reported."""
