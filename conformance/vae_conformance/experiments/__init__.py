"""Experiments: they train the Subject and record measurements as Evidence. They never judge."""
