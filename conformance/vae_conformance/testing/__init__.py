"""Claims as tests: the pytest plugin, its test suite, and `parametrize_with_claims`."""
