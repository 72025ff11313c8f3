"""What is run: fit, predict, and the configuration and run folders that they share."""
