"""Who takes money: on a page of its own, so that no card's number is ever ours."""
