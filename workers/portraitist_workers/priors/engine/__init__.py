"""A labelled-portrait engine: random portraits of mixes of real people, with every label known exactly.

Build side (once): `build.py` turns the London photos and ICT-FaceKit into the canvas cache (`canvas.py`: every person in one
common layout; `people.py` says who is held out).

Render side, in the order in which a picture is made:

- `labels.py`   what a picture shows, and its flat vector
- `sample.py`   draws labels: two or three similar people, nobody above 0.7, view, expression, light, look
- `mix.py`      people -> one texture, matte and surface (`prepare.py` and `outline.py` once for everybody;
  `blend.py`, `regions.py`, `eyes.py`, `mouth.py`, `strands.py`, `neck.py`)
- `view.py`     head rotation, camera, FFHQ crop; `raster.py` draws the surface; `light.py` relights it
- `background.py`, `masks.py`, `compose.py`  the finished picture and its class map
- `frames.py`, `examples.py`  ordinary photos of the test and example people
- `render.py`   command line: `pool`, `sheet`, `people`

Everything is deterministic for given labels. Attribution travels with what is made: see NOTICE.
"""
