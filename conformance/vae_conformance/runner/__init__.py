"""A run: which claims are asked, in which processes, what is known so far, and the record at its end."""
