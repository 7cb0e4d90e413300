"""What the networks see: images, the data sets that hold them, and the pairs that are drawn from them."""
