"""Compares reports that were written as JSON: of several implementations, or of one before and after a change."""
