"""The claims by area: each module holds the records of its claims and their checks."""
