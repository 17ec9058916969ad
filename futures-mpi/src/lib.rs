//! futures-mpi.
