"""One case decided: interpreter, generated function, trace and words."""
