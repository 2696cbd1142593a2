"""The conformance suite as pytest tests: `pytest --pyargs vae_conformance.testing.suite --vae TARGET`."""
