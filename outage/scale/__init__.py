"""How large an incident is, and what must be reported of it to whom by when."""
