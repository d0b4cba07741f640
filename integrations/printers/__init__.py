"""Kitchen printers: an order's ticket on paper, at each station its own lines."""
