"""The command line `vae-conformance`."""
