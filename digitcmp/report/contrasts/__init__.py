"""Contrasts between cells: plan, measure and correct them."""
