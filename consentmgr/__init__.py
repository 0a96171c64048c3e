"""The switchboard: wires the rooms of `tracking` to the world and decides nothing."""
