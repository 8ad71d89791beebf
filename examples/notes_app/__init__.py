"""A host application's own entity beside agentdb's, in the same file: notes that people make on sessions.

Four small files, to be copied: `migrations.py` (the schema), `queries.py` (the SQL), `store.py` (the questions), and
`test_notes.py` (what the application's CI runs). `app.py` uses them.
"""
