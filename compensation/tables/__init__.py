"""Decision tables: their form, evaluation, generated function and text."""
