"""What do weight sharing and an auxiliary loss do for a network? Pairs of digits, compared."""
