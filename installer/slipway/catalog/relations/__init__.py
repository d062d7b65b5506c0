"""Between modules: who is chosen, what comes before what, what cannot be together, what templates may ask of others."""
