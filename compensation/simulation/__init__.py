"""What a policy would have cost or will: what-if, tests over history, the liability clock."""
