"""Entry point of `python -m vae_conformance.cli`, the same as the command `vae-conformance`."""

import sys

from vae_conformance.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
