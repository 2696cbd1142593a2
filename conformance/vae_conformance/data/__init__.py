"""Data sets in memory: the embedded ones, torchvision's, and the user's own images."""
