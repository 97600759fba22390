"""Where messages go, one file for each kind: `apprise`, `pagerduty`, `webhook`.

`channel` is what they have in common, `http` and `guard` how a request leaves without reaching what
it must not, `make` reads their settings and secrets.
"""
