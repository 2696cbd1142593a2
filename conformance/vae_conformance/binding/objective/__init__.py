"""The objective: where an author computes it, and how it is asked at any output and posterior."""
