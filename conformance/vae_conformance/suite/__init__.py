"""The conformance suite as pytest tests: `pytest --pyargs vae_conformance.suite --vae TARGET`."""
