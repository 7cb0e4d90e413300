"""Statistics of accuracies over seeds: pure functions of arrays, and the rules that follow from them."""
