"""The instructor's half: what is asked, and how answers are marked."""
