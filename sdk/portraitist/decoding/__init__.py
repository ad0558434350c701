"""Reading a stranger's picture: what it costs is known before it is decoded, and what comes out is upright sRGB."""
