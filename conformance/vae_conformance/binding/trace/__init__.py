"""What happens in a pass, and what would happen if: a pass recorded as a tape of tensor operations, and replayed with some replaced."""
