"""The network: inventory, its history, what depends on what, and what a failure would take."""
