"""The E2E challenge's five scores, as its official scripts compute them."""
