"""Judgement: the rules an administrator wrote, and the pure decision over a message."""
