"""File layouts of generators. Each module reads one foreign layout into ours; nothing else in the project knows them.

    native      our safetensors: one file, config and provenance in the header
    nvidia      StyleGAN2-ADA / StyleGAN3-repo pickles (read without executing what they carry)
    rosinality  rosinality/stylegan2-pytorch checkpoints
"""
