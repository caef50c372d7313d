"""What the benchmarks compare with: the same work in other libraries, written as they would."""
