"""What a transaction declaration is made of; types only."""
