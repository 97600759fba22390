"""The pages: server-rendered HTML that works as links and forms, without any script.

Log content is hostile text: Jinja escapes all of it, `inert` makes what does not print visible,
and a strict Content-Security-Policy stands behind both. No page reads the ledger itself: content
comes through `app.reads.Reading`, once a page, which records the view before it answers.
"""
