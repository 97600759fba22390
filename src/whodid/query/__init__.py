"""The search language: text → typed tree → a predicate, a text again, an English sentence.

Pure: it takes text and events and returns values. It does not plan, open rows or know an index;
those who do read the tree. The language is described in docs/reference/query-language.md.
"""
