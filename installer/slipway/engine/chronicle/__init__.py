"""What is told of an operation while it runs and after, by the operator and the command line alike: one form."""
