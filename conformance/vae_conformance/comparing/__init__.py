"""Comparison of JSON reports: of several implementations, or of one implementation before and after a change."""
