"""Files of artifacts and of users, wherever Beam's file systems find them, and the records in them."""
