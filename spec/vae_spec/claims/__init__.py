"""The claims, an area a module: each claim's check stands beside its record."""
