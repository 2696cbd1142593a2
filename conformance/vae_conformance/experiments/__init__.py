"""Experiments: they train the Subject and write down what is seen as Evidence. They never judge."""
