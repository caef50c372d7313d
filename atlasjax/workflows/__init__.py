"""What a person asks for, each one public function: make a run, its views, its report."""
