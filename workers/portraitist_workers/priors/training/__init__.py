"""How the default prior was made. Order: engine pool -> `prior` -> `mapping` -> `export`; `face_networks` beside it."""
