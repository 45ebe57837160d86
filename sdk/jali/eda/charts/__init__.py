"""Answers as charts. Every chart draws the noise interval; drawing costs nothing.

`picture` says what is drawn, in plain numbers; `draw` does it with matplotlib, `vega` with Altair, `spark` as a few
lines of SVG. Only `draw` and `vega` need an extra, and import it when they are first used.
"""
