"""An MP4 of the way to a picture, played by a browser."""

import base64

from PIL import Image

from portraitist import video

PLAY = """(address) => new Promise((done) => {
  const film = Object.assign(document.createElement('video'), { muted: true, src: address });
  film.onerror = () => done(`error ${film.error.code}: ${film.error.message}`);
  film.onended = () => {
    const canvas = Object.assign(document.createElement('canvas'), { width: film.videoWidth, height: film.videoHeight });
    const pen = canvas.getContext('2d');
    pen.drawImage(film, 0, 0);
    done({ size: [film.videoWidth, film.videoHeight], seconds: film.duration, last: [...pen.getImageData(16, 8, 1, 1).data] });
  };
  film.play().catch((error) => done(`${error}`));
})"""


def test_a_browser_plays_it(chromium):
    images = [Image.new("RGB", (33, 17), (20 * n, 0, 250 - 20 * n)) for n in range(10)]
    page = chromium.new_page()
    film = base64.b64encode(video.encoded(images, ".mp4", 50)).decode()
    told = page.evaluate(PLAY, f"data:video/mp4;base64,{film}")
    page.close()
    assert told["size"] == [33, 17] and abs(told["seconds"] - 0.5) < 0.01
    # The last frame, or the one before it, which may still be shown.
    assert max(abs(seen - meant) for seen, meant in zip(told["last"], (180, 0, 70, 255), strict=True)) < 30, told
