"""From photo to latent: `encoder` (one pass), `optimize` (refinement in W, W+ or S), `pivotal` (tuning the generator to one photo)."""
