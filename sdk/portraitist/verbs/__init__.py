"""What can be asked of a person, a file for each concept. `persona.Persona` has all of it."""
