"""Images, data sets, and the pairs that are drawn from them."""
