"""Safe execution of user code: time limits, timed calls, seeds, and temporary patches of PyTorch."""
