"""What a generator's intermediate features can do without any training (StyleGAN of All Trades, Chong et al., arXiv 2111.01619).

`interpolation` is the one equation that all of it stands on. `weights` says where which source counts. Each use is a file: `spatial`
(wider, shifted, circular maps), `patches` (variations of one picture), `transfer` (a part of another picture) and `panorama`. `meeting` and
`varied` do the like with opened photos.
"""
