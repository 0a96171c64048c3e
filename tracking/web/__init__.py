"""What every API door shares. Knows Django REST framework, and nothing of consent."""
