"""Small networks that learnt from photographs of the world: MediaPipe's (Google, Apache-2.0), converted and run by torch alone."""

from pathlib import Path

FOLDER = Path(__file__).parent
