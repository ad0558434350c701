"""The worker's side of live sessions: a process that holds several, the loop of one, and what draws its pictures."""
