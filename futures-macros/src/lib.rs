//! The attributes of futures-mpi.
