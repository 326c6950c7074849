"""What a Consent must hold (`form`), and who may say what in it (`decisions`)."""
