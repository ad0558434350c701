"""A photo's own fine detail moves with an edit: the generator says where, the photo says what.

`scene` is what no edit changes. `hold` lets a head turn on its neck. `flow` and `mesh` guess the motion from the edited picture back to the
one before, and `motion` joins the guesses. `carry` takes the photo's pixels along, and `around` what surrounds the face. `faces.paste` puts
the result into the photo at the photo's own resolution.
"""
