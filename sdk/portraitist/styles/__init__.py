"""`studio.styles`: other ways in which a prior draws its faces, such as a cartoon."""
