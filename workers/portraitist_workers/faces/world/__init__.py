"""Networks that learnt from photographs of the world: dlib's recogniser (CC0) and MediaPipe's (Google, Apache-2.0), run by torch alone."""

from pathlib import Path

FOLDER = Path(__file__).parent
