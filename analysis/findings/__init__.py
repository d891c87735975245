"""The findings: each statement that a page may make, with its estimate, interval, n, method and runs.

One module a section; each takes finished results and returns findings without an id, which ``common.numbered`` gives.
"""
