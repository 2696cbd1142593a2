"""Figures drawn from stored evidence; none measures, judges or trains."""
