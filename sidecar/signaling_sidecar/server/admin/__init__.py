"""The admin API, for notebooks and scripts that hold the admin token."""
