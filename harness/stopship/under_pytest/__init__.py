"""What the pytest plugin does once a suite is met. Never imported before."""
