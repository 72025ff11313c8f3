"""Yardsticks: what the families compute, written as plain loops that must give the same numbers."""
