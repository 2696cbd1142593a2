"""Options of a run: what they may be, where they are written, and how they are put together."""
