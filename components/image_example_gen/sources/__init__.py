"""Where images come from: each kind of place lists its images and reads them, and knows nothing of what follows."""
