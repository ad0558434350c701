"""Connections to addresses that users name: photos by URL and webhooks. Nothing else in Portraitist may open one.

Such a connection must not reach what only this machine or its private network can reach (server-side request forgery).
`urls` reads the address strictly, `addresses` knows which IP addresses are public, `client` connects to nothing else.
"""
