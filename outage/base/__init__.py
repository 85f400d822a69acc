"""The customer base: accounts, lines, their attributes, and the mirror that runs read."""
