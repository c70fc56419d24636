"""The tables: ladder and speed."""
