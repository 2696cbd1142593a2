"""Data sets in memory: the embedded images, rows and series, torchvision's, and the user's own images."""
