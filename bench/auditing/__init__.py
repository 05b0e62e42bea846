"""How far a study is measured, and whether its rows are as recorded."""
