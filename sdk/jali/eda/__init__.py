"""Exploring a table that stays where it is: what may be asked, and the answers with their noise and price."""
