"""How the API is spoken to: requests, watches, refusals in our words, who owns which fields."""
