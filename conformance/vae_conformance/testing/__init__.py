"""Claims as tests: the pytest plug-in, the suite that it asks, and `parametrize_with_claims`."""
