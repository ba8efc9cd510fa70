//! Consul: services by blocking queries over its HTTP API, and the registration of our own.
