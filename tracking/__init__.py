"""The house: one room per folder; imports only look downstairs (see ARCHITECTURE.md)."""
