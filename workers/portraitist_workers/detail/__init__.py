"""A photo's own fine detail moves with an edit: the generator says where, the photo says what.

`flow` and `mesh` each guess the motion from the edited picture back to the one before, `motion` joins the guesses, and `carry` takes the
photo's pixels along. `faces.paste` puts the result into the photo at the photo's own resolution.
"""
