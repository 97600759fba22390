"""Ordinary life: one file per kind of activity, each yields acts and knows no other."""
