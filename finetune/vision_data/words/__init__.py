"""What drawn screens say, one JSON file for each language."""
