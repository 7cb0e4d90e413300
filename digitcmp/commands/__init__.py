"""The commands of `digitcmp`, a file each."""
