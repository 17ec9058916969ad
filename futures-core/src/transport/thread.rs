//! Workers that are threads of this process: the reference implementation of the transport.
