"""The page that explains single images."""
