"""What outlives the process: the checkpoint, the order, the call's log."""
