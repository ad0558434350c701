"""Live sessions: a photo or portrait that is kept open, with commands going in and frames coming out. docs/live.md says how it is built."""
