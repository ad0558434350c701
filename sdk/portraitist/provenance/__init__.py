"""Where a picture comes from: signed metadata (C2PA) and an invisible mark, read and judged. Workers write both."""
