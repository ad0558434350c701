"""The prior's faces in another style (section 4.6 of StyleGAN of All Trades, arXiv 2111.01619).

A generator's convolutions learn on, and what leads to their styles stays as it was. So a latent means the same in both.

`learning` is the one loop, and it wants pairs: latents, and what they shall look like. `pairs` makes them: from pictures of the user's own,
or from the drawn styles (`drawn/`). `delta` keeps what was learnt and puts it onto anybody's generator. `worn` makes the pictures.
"""
