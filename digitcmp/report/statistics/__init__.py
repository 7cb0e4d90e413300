"""Statistics of accuracies over seeds as pure functions, and the rules for verdicts and collapsed runs."""
