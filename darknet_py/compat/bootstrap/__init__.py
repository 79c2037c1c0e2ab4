"""What gives the Python processes below ``darknet-py run-script`` the same engine; this folder stands on their path."""
