"""The commands of `digitcmp`, one file each."""
