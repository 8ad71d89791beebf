"""Reading SQL text: its tokens, its statements, and the tables that a statement names."""
