"""Where records come from: one file per way in. It knows neither ledger nor index.

What it received goes to an `Intake`, which normalises, commits and makes durable.
"""
