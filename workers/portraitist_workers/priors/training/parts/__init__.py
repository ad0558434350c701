"""How `default-parts` was made: paired regression with labels that reach only the parts they describe.

- `looks.py`, `routes.py`, `router.py`  labels -> codes
- `pictures.py`                         batches of renders with class maps, and of twins that differ in their hair alone
- `frames.py`                           how far an expression zooms the aligned crop
- `targets.py`                          what a picture with other parts should show: features left out, hair swapped
- `losses.py`                           pictures, masks, hidden parts
- `paired.py`                           the training itself
- `sharpen.py`                          its last stage: a discriminator beside the paired terms
"""
