"""Binding: what was found in somebody's implementation and how it is called, behind the one interface of `vae_spec.subject.Subject`."""
