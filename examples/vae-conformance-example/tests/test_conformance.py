"""Every claim of the exact profile, as a test of its own, of both implementations."""

from vae_conformance import parametrize_with_claims
from vae_conformance_example.conformance import pair


@parametrize_with_claims("example-plain")
def test_the_plain_class(check):
    check()


@parametrize_with_claims(pair)
def test_the_two_networks(check):
    check()
