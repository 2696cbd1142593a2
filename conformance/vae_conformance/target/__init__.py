"""From the text that names an implementation to a `Target`: found, loaded, and ready to be built."""
