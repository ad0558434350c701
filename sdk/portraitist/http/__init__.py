"""Portraitist over HTTP: an API for apps in any language, and a page in the browser that uses nothing else.

`portraitist studio` runs it (`server.py`). `app.py` puts it together. Install it with `pip install 'portraitist[http]'`. It imports
no torch. One process serves any number of tenants, in front of an embedded studio or a cluster.
"""
