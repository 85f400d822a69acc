"""Who was seen where, by day, and forgotten in time."""
